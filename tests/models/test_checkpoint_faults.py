"""Folders and files that transformers cannot use: each is one line that says what was found and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, T5Config

from distune.models.errors import ModelError, first_line
from distune.models.teacher.checkpoint_faults import (
    adapter_base,
    in_one_line,
    is_adapter,
    refuse_other_folders,
)
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.teacher import check_checkpoint, load_teacher
from tests.families import OF_ROBERTA, unigram

Edit = Callable[[Path], None]


def config(**changes: object) -> Edit:
    def apply(folder: Path) -> None:
        settings = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**settings, **changes}))

    return apply


def write(name: str, content: str | bytes) -> Edit:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return apply


def without(*names: str) -> Edit:
    def apply(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return apply


def shortened(name: str, n_bytes: int) -> Edit:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:n_bytes])

    return apply


def sharded_without_a_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"classifier.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"where": Path("x")}, folder / "pytorch_model.bin")


def pickled_by_half(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"classifier.weight": torch.zeros(100, 100)}, folder / "pytorch_model.bin")
    shortened("pytorch_model.bin", 3000)(folder)


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
QUANTISED = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
OWN_CODE = {"model_type": "xx", "auto_map": {"AutoConfig": "modeling_x.Config"}}
CASES: dict[str, tuple[Edit, str]] = {
    "an unknown family": (
        config(model_type="foo"),
        r"cannot be loaded: this version of transformers knows no family `foo` \(model_type in its config.json\); correct it, install the transformers "
        r"that it was saved by \(transformers_version there\), or ask it elsewhere",
    ),
    "no family": (
        write("config.json", '{"hidden_size": 16}'),
        'its config.json has no model_type, .*; write it there, such as "model_type": "bert"',
    ),
    "a value of another type": (config(hidden_size="abc"), "config.json: Validation error for field 'hidden_size'"),
    "heads that do not divide": (config(num_attention_heads=3), "not a multiple of the number of attention heads"),
    "half a config.json": (write("config.json", '{"a":'), "is not a valid JSON file"),
    "a list": (write("config.json", "[1]"), "cannot be loaded"),
    "code of its own": (config(**OWN_CODE), "needs code of its own .* name its logits by teacher.logits"),
    "labels in a list": (
        config(id2label=["neg", "pos"]),
        r'has a list where an object belongs, most likely id2label: write it as \{"0": "the label of column 0", "1": ...\}',
    ),
    "half the weights": (
        shortened("model.safetensors", 2000),
        "its weights are not whole .* copy or download them again",
    ),
    "no byte of weights": (write("model.safetensors", b""), "its weights are not whole"),
    "a pointer of Git LFS": (
        write("model.safetensors", LFS),
        "model.safetensors is a pointer of Git LFS.* run `git lfs pull`",
    ),
    "no weights": (without("model.safetensors"), "it has no weights .* copy them there"),
    "a shard too few": (
        sharded_without_a_shard,
        "lacks 1 of 1 file of its weights that model.safetensors.index.json names: model-00001-of-00002.safetensors; copy or",
    ),
    "an export to ONNX beside its config.json": (
        lambda folder: [without("model.safetensors")(folder), write("model.onnx", b"")(folder)][0],
        "is an export to ONNX, which transformers does not read here; name the folder that it was made from",
    ),
    "half an index": (
        lambda folder: [without("model.safetensors")(folder), write("model.safetensors.index.json", "{")(folder)][0],
        "one of its files is no whole JSON",
    ),
    "objects in a pickle": (pickled, "pytorch_model.bin is damaged or holds more than tensors"),
    "half a pickle": (pickled_by_half, "pytorch_model.bin is not whole; copy or download it again"),
    "quantised": (
        config(**QUANTISED),
        "is quantised \\(gptq; dequantise and save it .* name its logits by teacher.logits\\)",
    ),
    "half a tokenizer": (write("tokenizer.json", '{"version":'), "the tokenizer of .* no whole JSON"),
    "another tokenizer.json": (
        write("tokenizer.json", '{"model": {"type": "X"}}'),
        "the tokenizer of .* cannot be loaded",
    ),
    "no tokenizer": (
        without("tokenizer.json", "tokenizer_config.json"),
        "has no vocabulary: it knows 5 tokens, none of them a word",
    ),
    "no vocabulary": (without("tokenizer.json"), "copy tokenizer.json \\(or vocab.txt\\) into it"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_loaded_is_refused_in_one_line(name: str, teacher_folder: Path, tmp_path: Path) -> None:
    edit, message = CASES[name]
    folder = tmp_path / "edited"
    shutil.copytree(teacher_folder, folder)
    edit(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_teacher(folder, 32)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"model_type": "bert"}')
    return folder


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["checkpoint-500/config.json", "checkpoint-1000/config.json"],
            "these folders in it have: checkpoint-500, checkpoint-1000; name one of them, such as .*checkpoint-1000$",
        ),
        (["modules.json", "0_Transformer/config.json"], "these folders in it have: 0_Transformer"),
        (["config.json", "labels.json", "vocabulary.txt", "model.onnx"], "is a student that Distune saved"),
        (["model.onnx"], "is an export to ONNX"),
        (["model.gguf"], "is an export to GGUF"),
        (["config.json", "onnx/model.onnx"], "is an export to ONNX"),
        (
            ["adapter_config.json", "pytorch_adapter.bin", "pytorch_model_head.bin", "head_config.json"],
            "is an adapter of AdapterHub .*, which transformers does not read; ask it elsewhere",
        ),
        (["adapter_config.json", "adapter_model.safetensors"], "is an adapter of type None; only LORA can be merged"),
        (
            ["snapshots/a1/config.json", "snapshots/b2/config.json"],
            "is a folder of the hub's cache; name a snapshot in it, such as .*/snapshots/b2$",
        ),
        (["models--x--y/refs/main", "models--z/refs/main"], "is the hub's cache of 1 model; .*, such as x/y$"),
        (["tf_model.h5"], "is an export to TensorFlow"),
        (["notes.txt"], "has no config.json; name the folder that `save_pretrained` wrote"),
        (["config.json", "model.safetensors", "adapter_config.json"], "holds a whole model and a LoRA adapter"),
    ],
)
def test_a_folder_of_another_kind_is_named_with_what_to_do(names: list[str], message: str, tmp_path: Path) -> None:
    folder = make(tmp_path, *names)
    with pytest.raises(ModelError, match=message):
        check_checkpoint(str(folder), None)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a file; name the folder"):
        refuse_other_folders(make(tmp_path, "model.safetensors") / "model.safetensors")


def test_an_adapter_is_known_by_its_file_and_names_its_base(tmp_path: Path) -> None:
    assert not is_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
    assert is_adapter(tmp_path)
    assert adapter_base(tmp_path) == "some/base"
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no base_model_name_or_path"):
        adapter_base(tmp_path)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), in_one_line("the teacher x cannot be loaded"):
        raise ZeroDivisionError
    with (
        pytest.raises(ModelError, match=r"^the teacher x cannot be loaded: bad vocabulary$"),
        in_one_line("the teacher x cannot be loaded"),
    ):
        raise Exception("bad vocabulary\nand more")
    assert first_line(KeyError("added_tokens")) == "KeyError: 'added_tokens'"
    assert first_line(ValueError("one\ntwo")) == "one"


def test_packages_that_a_tokenizer_needs_are_named() -> None:
    with (
        pytest.raises(
            ModelError,
            match="sentencepiece, tiktoken and protobuf are needed; install them, or save the tokenizer anew",
        ),
        in_one_line("x"),
    ):
        raise ImportError("DebertaV2Tokenizer requires the SentencePiece library but it was not found")


def test_a_snapshot_of_the_hubs_cache_is_the_one_that_main_names(tmp_path: Path) -> None:
    folder = make(tmp_path, "snapshots/a1/config.json", "snapshots/b2/config.json", "refs/main")
    (folder / "refs" / "main").write_text("a1")
    with pytest.raises(ModelError, match=r"name a snapshot in it, such as .*/snapshots/a1$"):
        check_checkpoint(str(folder), None)


def test_onnx_beside_weights_is_no_fault(teacher_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "edited"
    shutil.copytree(teacher_folder, folder)
    write("model.onnx", b"")(folder)
    load_teacher(folder, 32)


def test_a_tokenizer_without_the_end_that_a_head_reads_is_said(tmp_path: Path) -> None:
    tokenizer = unigram(None, None, **OF_ROBERTA)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "num_labels": 2}
    shape = T5Config(vocab_size=len(tokenizer), pad_token_id=1, eos_token_id=2, decoder_start_token_id=1, **sizes)
    AutoModelForSequenceClassification.from_config(shape).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(
        ModelError, match=r"its head reads the end-of-text token, .* save the tokenizer with add_eos_token"
    ):
        rehearse(load_teacher(tmp_path, 32), ["a good one", "b"])
