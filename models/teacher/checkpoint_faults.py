"""The fault of a checkpoint, in one line: its place, its content, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from distune._plural import n_of
from distune.models.errors import ModelError, first_line

FAULTS = (
    OSError,  # A missing file, a hub that is out of reach, JSON of config.json
    ValueError,  # An unknown family, code of the checkpoint's own, other JSON
    LookupError,
    TypeError,
    AttributeError,  # A file that has other keys or types than transformers expects
    ImportError,  # A package that this tokenizer or this quantisation needs
    RuntimeError,  # A torch archive that is not whole, a tensor that cannot be converted
    EOFError,
    UnpicklingError,
    SafetensorError,  # Weights that are not whole, or are no weights
    StrictDataclassError,  # A value of the wrong type in config.json
)
"""The errors that transformers and the packages beneath it raise for unusable files."""
CODE_OF_ITS_OWN = "it needs code of its own (trust_remote_code), which Distune does not run"
INSTEAD = "ask it elsewhere and name its logits by teacher.logits"
AS_OBJECT = 'write it as {{"0": "the label of column 0", "1": ...}}'
LFS_POINTER = b"version https://git-lfs"
ADAPTER = "adapter_config.json"
OF_ADAPTERHUB = ("pytorch_adapter.bin", "adapter.safetensors")
WEIGHTS = ("*.safetensors", "*.bin")
MOST_SHOWN = 3
OTHER_FORMATS = {
    "*.onnx": "ONNX",
    "onnx/*.onnx": "ONNX",
    "*.gguf": "GGUF",
    "tf_model.h5": "TensorFlow",
    "flax_model.msgpack": "Flax",
}
REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
    (Exception, r"trust_remote_code|custom code", f"{CODE_OF_ITS_OWN}; {INSTEAD}"),
    (
        (UnpicklingError, EOFError),
        "",
        "its pytorch_model.bin is damaged or holds more than tensors, which torch does not read; load it where it was made and save it "
        "anew by save_pretrained",
    ),
    (SafetensorError, "", "its weights are not whole ({line}); copy or download them again"),
    (RuntimeError, "PytorchStreamReader", "its pytorch_model.bin is not whole; copy or download it again"),
    (StrictDataclassError, "", "config.json: {said}"),
    (json.JSONDecodeError, "", "one of its files is no whole JSON ({line}); copy or download it again"),
    (
        AttributeError,
        r"'list' object has no attribute 'items'",
        "its config.json has a list where an object belongs, most likely id2label: " + AS_OBJECT,
    ),
    (
        Exception,
        r"Unrecognized configuration class .*?(\w+)'?> for this kind of AutoModel: AutoModelFor(\w+)",
        "transformers has no {1} model for a {0}",
    ),
    (
        ValueError,
        r"has model type `(.+?)` but Transformers does not recognize",
        "this version of transformers knows no family `{0}` (model_type in its config.json); correct it, install the transformers that it was "
        f"saved by (transformers_version there), or {INSTEAD}",
    ),
    (
        ValueError,
        r"Should have a `model_type` key",
        'its config.json has no model_type, the family that it is of; write it there, such as "model_type": "bert", or save it again by '
        "save_pretrained",
    ),
    (
        ValueError,
        r"(same number of|at least one) <eos> token",
        "its head reads the end-of-text token, which its tokenizer does not put behind each text; copy the tokenizer's files that it was "
        "trained with, or save the tokenizer with add_eos_token=True",
    ),
    (
        Exception,
        r"no file named model\.safetensors",
        "it has no weights (model.safetensors or pytorch_model.bin); copy them there from where it was made",
    ),
    (
        Exception,
        r"(?i)sentencepiece|tiktoken|protobuf",
        "it has no tokenizer.json, and to read what it has the packages sentencepiece, tiktoken and protobuf are needed; install them, or "
        "save the tokenizer anew where they are",
    ),
)
"""For the type of an error and words in it: what is wrong and what to do; the first that fits counts."""


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Raise ModelError of one line, which begins with `what`, for anything that transformers cannot use."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        # `tokenizers` raises Exception itself; any other type that is not listed is a fault of ours.
        if type(error) is not Exception and not isinstance(error, FAULTS):
            raise
        raise ModelError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())
    for kinds, words, reason in REASONS:
        if isinstance(error, kinds) and (found := re.search(words, said)):
            return reason.format(*found.groups(), line=first_line(error), said=said)
    return first_line(error)


def is_adapter(place: str | Path) -> bool:
    """Whether a folder holds an adapter of peft instead of a whole model."""
    return (Path(place) / ADAPTER).is_file() and not _has_weights(Path(place)) and not _is_of_adapterhub(Path(place))


def _is_of_adapterhub(folder: Path) -> bool:
    return any((folder / name).is_file() for name in OF_ADAPTERHUB)


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("model*.safetensors")) or any(folder.glob("pytorch_model*.bin"))


def adapter_base(folder: Path) -> str:
    """The hub id or folder of the model that an adapter was trained on; raises ModelError if it names none."""
    base = adapter_settings(folder).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"the teacher {folder}: its {ADAPTER} names no base_model_name_or_path; write there what it was trained on"
        )
    return base


def adapter_settings(folder: Path) -> dict[str, Any]:
    with in_one_line(f"the teacher {folder}: its {ADAPTER} cannot be read"):
        found = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


def refuse_other_adapters(folder: Path) -> None:
    """Raise ModelError for an adapter of peft that cannot become a part of its base's weights."""
    settings = adapter_settings(folder)
    if settings.get("peft_type") != "LORA":
        raise ModelError(
            f"the teacher {folder} is an adapter of type {settings.get('peft_type')}; only LORA can be merged into "
            f"{settings.get('base_model_name_or_path')}; {INSTEAD}"
        )


def refuse_other_folders(folder: Path) -> None:
    """Raise ModelError for a path on this machine that is no folder of a transformers model; the message says what it
    is.

    A hub id passes, and so does an adapter, because `distune.models.teacher.lora` reads it.
    """
    if folder.is_file():
        raise ModelError(f"the teacher {folder} is a file; name the folder that has its config.json and its weights")
    if not folder.is_dir() or is_adapter(folder):
        return
    if _is_of_adapterhub(folder):
        raise ModelError(
            f"the teacher {folder} is an adapter of AdapterHub (package adapters), which transformers does not read; {INSTEAD}"
        )
    if (folder / ADAPTER).is_file():
        raise ModelError(
            f"the teacher {folder} holds a whole model and a LoRA adapter ({ADAPTER}); keep one of them in that folder"
        )
    if found := _kind_of(folder):
        raise ModelError(f"the teacher {folder} {found}")
    for path in (path for pattern in WEIGHTS for path in sorted(folder.glob(pattern))):
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(LFS_POINTER):
            raise ModelError(
                f"the teacher {folder}: {path.name} is a pointer of Git LFS, not the weights; run `git lfs pull`"
            )
    _refuse_missing_parts(folder)


def _refuse_missing_parts(folder: Path) -> None:
    """Raise ModelError if an index names files of weights that are not there."""
    for index in sorted(folder.glob("*.index.json")):
        with in_one_line(f"the teacher {folder}: {index.name} cannot be read"):
            settings = json.loads(index.read_text(encoding="utf-8"))
        named = settings.get("weight_map") if isinstance(settings, dict) else None
        parts = sorted(set(map(str, named.values()))) if isinstance(named, dict) else []
        missing = [part for part in parts if not (folder / part).is_file()]
        is_whole = (folder / index.name.removesuffix(".index.json")).is_file()
        if missing and not is_whole:
            raise ModelError(
                f"the teacher {folder} lacks {len(missing)} of {n_of(len(parts), 'file')} of its weights that {index.name} names: "
                f"{', '.join(missing[:MOST_SHOWN])}{' and more' if missing[MOST_SHOWN:] else ''}; copy or download them"
            )


def _kind_of(folder: Path) -> str | None:
    """The kind of a folder that is not from transformers, and what to do."""
    if (folder / "labels.json").is_file() and (folder / "vocabulary.txt").is_file():
        return "is a student that Distune saved, no transformers model; name the folder or hub id of a classifier"
    other = next((name for pattern, name in OTHER_FORMATS.items() if any(folder.glob(pattern))), None)
    export = f"is an export to {other}, which transformers does not read here; name the folder that it was made from, or {INSTEAD}"
    if (folder / "config.json").is_file():
        return export if other and not any(path for pattern in WEIGHTS for path in folder.glob(pattern)) else None
    inside = sorted(
        (path.parent for path in folder.glob("*/config.json") if _settings(path.parent).get("model_type")),
        key=_by_number,
    )
    if inside:
        names = ", ".join(path.name for path in inside)
        return f"has no config.json, but these folders in it have: {names}; name one of them, such as {inside[-1]}"
    if other:
        return export
    if in_cache := _in_cache(folder):
        return in_cache
    return "has no config.json; name the folder that `save_pretrained` wrote"


def _in_cache(folder: Path) -> str | None:
    """The kind of a folder in the hub's cache, and what to name instead."""
    snapshots = sorted(
        (path.parent for path in folder.glob("snapshots/*/config.json")), key=lambda path: path.stat().st_mtime
    )
    if snapshots:
        main = folder / "refs" / "main"
        current = folder / "snapshots" / main.read_text(encoding="utf-8").strip() if main.is_file() else snapshots[-1]
        shown = current if current in snapshots else snapshots[-1]
        return f"is a folder of the hub's cache; name a snapshot in it, such as {shown}"
    kept = sorted(path.name for path in folder.glob("models--*--*"))
    if kept:
        name = "/".join(kept[0].removeprefix("models--").split("--"))
        return f"is the hub's cache of {n_of(len(kept), 'model')}; name the hub id of one of them, such as {name}"
    return None


def _settings(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_number(path: Path) -> tuple[int, str]:
    """`checkpoint-1000` after `checkpoint-500`."""
    digits = re.findall("[0-9]{1,18}", path.name)
    return int(digits[-1]) if digits else -1, path.name
