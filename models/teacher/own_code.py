"""Checkpoints with classes of their own: transformers takes its own class in their place, without a word, and that answers otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto.tokenization_auto import get_tokenizer_config

from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import INSTEAD

ASKED_FOR = ("AutoConfig", "AutoModelForSequenceClassification")
"""The entries of `auto_map` that make a classifier; its other entries are for other uses of the same weights."""
OF_OTHERS = ("TF", "Flax")
"""How transformers called its classes for TensorFlow and JAX."""
OR_SAVE = "or save it with a class of transformers"


def refuse_own_code(place: str | Path, config: PreTrainedConfig) -> None:
    """Raise ModelError if `auto_map` says that the classifier is a class of the checkpoint's own.

    A class that transformers has under the same name is no other one: checkpoints kept such an entry from before it had it.
    """
    named = getattr(config, "auto_map", None)
    wanted = ASKED_FOR if getattr(config, "architectures", None) else (*ASKED_FOR, "AutoModel")
    for full in _named_classes(named, wanted):
        kept = next((name for name in config.architectures or () if is_known(name)), None)
        stock = f"; if {kept} of transformers is what it is, remove auto_map from its config.json" if kept else ""
        raise ModelError(
            f"the teacher {place} is made by code of its own ({full}, auto_map in its config.json), which Distune does not run: a class "
            f"of transformers in its place would answer otherwise; {INSTEAD}, {OR_SAVE}{stock}"
        )


def taken_as(place: str | Path, config: PreTrainedConfig, model: PreTrainedModel) -> list[str]:
    """The line about a checkpoint, if its class in transformers is not the one that it names.

    Raises ModelError if its `auto_map` names a class of another family.
    """
    auto_map, taken = getattr(config, "auto_map", None), type(model).__name__
    mapped = auto_map.get("AutoModelForSequenceClassification") if isinstance(auto_map, dict) else None
    if isinstance(mapped, str):
        if mapped.split(".")[-1] != taken:
            raise ModelError(
                f"the teacher {place}: auto_map in its config.json names {mapped}, but its model_type {config.model_type} is that of "
                f"{taken}; correct model_type, or remove auto_map"
            )
        return [f"the teacher {place} names code of its own ({mapped}); the {taken} of transformers is taken"]
    named = [str(one) for one in getattr(config, "architectures", None) or () if "SequenceClassification" in str(one)]
    if named and taken not in (one.removeprefix("TF").removeprefix("Flax") for one in named):
        return [f"the teacher {place} says that it is a {named[0]}; by its model_type it is taken as a {taken}"]
    return []


def refuse_unknown_class(place: str | Path, config: PreTrainedConfig) -> None:
    """Raise ModelError if a classifier was saved by a class that transformers does not have."""
    if unknown := unknown_class(config):
        raise ModelError(
            f"the teacher {place} is a {unknown} (architectures in its config.json), a class that transformers {transformers.__version__} "
            f"does not have: one of its own in its place may answer otherwise; {INSTEAD}, {OR_SAVE}"
        )


def unknown_class(config: PreTrainedConfig) -> str | None:
    """The class that a checkpoint was saved by, if transformers does not have it."""
    named = [str(name) for name in getattr(config, "architectures", None) or ()]
    return named[0] if named and not any(map(is_known, named)) else None


def refuse_own_tokenizer(place: str | Path, revision: dict[str, str]) -> None:
    """Raise ModelError if a tokenizer is a class of the checkpoint's own; `revision` is as `from_pretrained` takes
    it."""
    settings = get_tokenizer_config(str(place), **revision)
    named = settings.get("auto_map")
    classes = list(_named_classes({"AutoTokenizer": named} if isinstance(named, list) else named, ("AutoTokenizer",)))
    kind = settings.get("tokenizer_class")
    if not classes and isinstance(kind, str) and not is_known(kind):
        classes = [kind]
    if classes:
        raise ModelError(
            f"the tokenizer of {place} is a {classes[0]} (tokenizer_config.json), a class of its own, which Distune does not run: one "
            f"of transformers in its place may cut texts otherwise; {INSTEAD}, or save it with a tokenizer of transformers"
        )


def _named_classes(auto_map: Any, wanted: tuple[str, ...]) -> Iterator[str]:
    """The classes of an `auto_map` that transformers does not have, as they are named there."""
    if not isinstance(auto_map, dict):
        return
    for key in wanted:
        value = auto_map.get(key)
        for full in value if isinstance(value, list | tuple) else [value]:
            if isinstance(full, str) and not is_known(full.split(".")[-1]):
                yield full


def is_known(name: str) -> bool:
    """Whether transformers has a class of this name, also under its name for a slow or a fast one, or for
    TensorFlow."""
    for prefix in OF_OTHERS:
        name = name.removeprefix(prefix)
    return any(hasattr(transformers, one) for one in (name, f"{name}Fast", name.removesuffix("Fast")))
