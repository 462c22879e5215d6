"""A LoRA adapter of peft (Hu et al. 2022), merged into its base so that it is as fast as any other classifier."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification, PreTrainedConfig

from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import adapter_base, adapter_settings, in_one_line, refuse_other_adapters
from distune.models.teacher.head_kind import about_its_task, refuse_other_task
from distune.models.teacher.heads import output_layer
from distune.models.teacher.loading import Loaded, fresh_weights, load_checkpoint, load_config
from distune.models.teacher.own_code import refuse_unknown_class

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""The beginning of the names of an adapter's tensors."""


def load_adapter(place: str | Path, is_multi_label: bool | None = None) -> Loaded:
    """The classifier that an adapter makes of its base.

    Raises ModelError if peft is not installed, the base is out of reach, or the head was not saved with the adapter, or
    answers otherwise than `is_multi_label` says.
    """
    folder = Path(place)
    refuse_other_adapters(folder)
    settings, base = adapter_settings(folder), adapter_base(folder)
    what = f"the teacher {place} is a LoRA adapter of {base}"
    if find_spec("peft") is None:
        raise ModelError(
            f"{what}: pip install peft, or merge it where peft is (AutoPeftModelForSequenceClassification.from_pretrained, "
            "merge_and_unload, save_pretrained) and name that folder"
        )
    from peft import PeftModel

    saved = _saved_shapes(folder / WEIGHTS, what)
    try:
        revision = None if Path(base).is_dir() else settings.get("revision")
        shape = load_config(base, revision)
        refuse_unknown_class(base, shape)
        with torch.device("meta"):
            head = output_layer(AutoModelForSequenceClassification.from_config(shape))
        n_classes = saved.get(f"{head[0]}.weight", (shape.num_labels,))[0] if head else shape.num_labels
        named = _named(folder, n_classes) if n_classes != shape.num_labels or (folder / "config.json").is_file() else {}
        model, info = load_checkpoint(AutoModelForSequenceClassification, base, revision, **named)
    except ModelError as error:
        raise ModelError(f"{what}, and {error}; correct base_model_name_or_path in its adapter_config.json") from error
    kind = _kind_of_head(folder, shape, n_classes)
    refuse_other_task(place, kind, is_multi_label)
    _refuse_random_weights([name for name in fresh_weights(model, info) if name not in saved], what)
    with in_one_line(f"{what}, and cannot be merged into it"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of peft to transformers, which a user can do nothing about.
        merged = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    return Loaded(merged, (f"{what}, and is merged into it", *about_its_task(place, kind, is_multi_label)))


def _saved_shapes(file: Path, what: str) -> dict[str, tuple[int, ...]]:
    """The shapes of an adapter's tensors, by their names in the model; `what` begins the message of a ModelError."""
    if not file.is_file():
        raise ModelError(f"{what}, whose weights are not there as {file.name}; save it again by a current peft")
    with (
        in_one_line(f"{what}, whose weights ({file.name}) cannot be read"),
        safe_open(file, framework="pt") as opened,
    ):
        return {name.removeprefix(PREFIX): tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118


def _refuse_random_weights(lost: list[str], what: str) -> None:
    if lost:
        raise ModelError(
            f"{what}: neither of them has {lost[0]}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}, which would be "
            "random; train it again with task_type SEQ_CLS, or name what is new in modules_to_save"
        )


def _kind_of_head(folder: Path, base: PreTrainedConfig, n_classes: int) -> str | None:
    """The task of an adapter's head: from a config.json in its folder, or that of its base if this has as many classes."""
    own = load_config(folder) if (folder / "config.json").is_file() else None
    said = getattr(own, "problem_type", None)
    if said is None and base.num_labels == n_classes:
        said = getattr(base, "problem_type", None)
    return None if said is None else str(said)


def _named(folder: Path, n_classes: int) -> dict[str, Any]:
    """The number of classes of an adapter; their names too, if its folder has a config.json."""
    named = load_config(folder) if (folder / "config.json").is_file() else None
    if named is None or named.num_labels != n_classes:
        return {"num_labels": n_classes}
    return {"id2label": named.id2label, "label2id": named.label2id}
