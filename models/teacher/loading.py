"""Loading a sequence classifier of transformers, with the check that none of its weights is random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel

from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import (
    INSTEAD,
    in_one_line,
    is_adapter,
    refuse_other_adapters,
    refuse_other_folders,
)
from distune.models.teacher.head_kind import EACH_LABEL, ONE_CLASS, about_its_task, refuse_other_outputs
from distune.models.teacher.hub import unless_adapter
from distune.models.teacher.own_code import refuse_own_code, taken_as, unknown_class

WEIGHTS_IN_ORDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""The weights of a folder; transformers reads the first that is there, and says nothing of the others."""


@dataclass(frozen=True)
class Loaded:
    """A model of transformers in float32, and what was assumed while it was loaded."""

    model: PreTrainedModel
    notes: tuple[str, ...] = ()


def at(revision: str | None) -> dict[str, str]:
    """The arguments of `from_pretrained` about a revision, so that settings, tokenizer and weights have the same
    one."""
    return {} if revision is None else {"revision": revision}


def load_config(place: str | Path, revision: str | None = None) -> PreTrainedConfig:
    """The settings of a checkpoint, by hub id (at a revision) or folder; raises ModelError when they cannot be read."""
    refuse_other_folders(Path(place))
    where = "" if Path(place).exists() else " is no folder here, and from the hub it"
    with unless_adapter(place, revision), in_one_line(f"the teacher {place}{where} cannot be loaded"):
        config: PreTrainedConfig = AutoConfig.from_pretrained(place, trust_remote_code=False, **at(revision))
    refuse_own_code(place, config)
    return config


def load_classifier(place: str | Path, revision: str | None = None, is_multi_label: bool | None = None) -> Loaded:
    """A classifier that was fine-tuned already, in eval mode on the CPU.

    Raises ModelError when it cannot be loaded, or any of its weights would be random, or it has one output, or answers
    otherwise than `is_multi_label` says.
    """
    config = load_config(place, revision)
    refuse_other_outputs(place, config, is_multi_label)
    model, info = load_checkpoint(AutoModelForSequenceClassification, place, revision)
    fresh = fresh_weights(model, info)
    refuse_fresh_trunk(place, model, fresh)
    if fresh:
        raise ModelError(f"the teacher {place} {_fresh_head(Path(place), config, fresh)}")
    refuse_other_tasks(place, config)
    stored = str(getattr(config, "dtype", None) or "").removeprefix("torch.")
    notes = [f"the teacher {place} is stored in {stored} and computed from float32"] if "16" in stored else []
    notes += [
        *about_its_weights(Path(place)),
        *about_its_task(place, getattr(config, "problem_type", None), is_multi_label),
    ]
    return Loaded(model.eval(), (*taken_as(place, config, model), *notes))


def about_its_weights(folder: Path) -> list[str]:
    """The line about a folder that has its weights twice, such as those of its base next to those of a training."""
    found = [name for name in WEIGHTS_IN_ORDER if (folder / name).is_file()]
    return [f"the teacher {folder} has weights in {' and '.join(found)}; {found[0]} is read"] if found[1:] else []


def about_its_class(place: str | Path, revision: str | None, model: PreTrainedModel) -> list[str]:
    """The line about a checkpoint that is trained further, if a class that transformers does not have saved it."""
    unknown = unknown_class(load_config(place, revision))
    taken = type(model).__name__
    return (
        [f"{place} was saved by a {unknown}, which transformers does not have; it is trained on as a {taken}"]
        if unknown
        else []
    )


def refuse_adapter(place: str | Path) -> None:
    """Raise ModelError for an adapter, because the training needs a whole model."""
    if is_adapter(place):
        refuse_other_adapters(Path(place))
        raise ModelError(
            f"the teacher {place} is a LoRA adapter, which is not fine-tuned further; merge it into its base (peft's "
            "merge_and_unload), save that and name its folder, or set epochs: 0 to take it as it is"
        )


def load_trunk(kind: Any, place: str | Path, revision: str | None = None, **head: Any) -> PreTrainedModel:
    """A checkpoint as one of transformers' kinds, in float32; its head may be new, but its encoder must not be.

    Raises ModelError.
    """
    model, info = load_checkpoint(kind, place, revision, **head)
    refuse_fresh_trunk(place, model, fresh_weights(model, info))
    return model


def load_checkpoint(
    kind: Any, place: str | Path, revision: str | None = None, **settings: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model and transformers' account of what was missing; in float32, whatever it is stored in.

    CPUs compute halves slowly or not at all, and on a GPU autocast rounds what may be rounded.
    """
    config = load_config(place, revision)
    quantised = getattr(config, "quantization_config", None)
    what = f"the teacher {place} {_quantised(quantised) if quantised else ''}cannot be loaded"
    with unless_adapter(place, revision), in_one_line(what):
        found: tuple[PreTrainedModel, dict[str, Any]] = kind.from_pretrained(
            place,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            trust_remote_code=False,
            **at(revision),
            **settings,
        )
    _refuse_more_layers(place, *found)
    return found


def _quantised(settings: Any) -> str:
    method = settings.get("quant_method") if isinstance(settings, dict) else getattr(settings, "quant_method", None)
    return f"is quantised ({method or 'by an unknown method'}; dequantise and save it where its packages are, or {INSTEAD}) and "


def refuse_other_tasks(place: str | Path, config: PreTrainedConfig) -> None:
    """Raise ModelError if the head is another's, such as that of tokens, though its weights have the same names."""
    named = getattr(config, "architectures", None) or []
    if named and not any("SequenceClassification" in name or "For" not in name for name in named):
        raise ModelError(
            f"the teacher {place} is a {named[0]}, which does not classify texts; name a fine-tuned classifier, or set "
            "epochs >= 1 to fine-tune it"
        )


def fresh_weights(model: PreTrainedModel, info: dict[str, Any]) -> dict[str, str]:
    """The parameters that the checkpoint lacks or has in another shape, with what is wrong with them.

    Buffers, such as position ids, are computed and not learnt, and tied weights come from those that they are tied to;
    transformers leaves the latter out itself.
    """
    parameters = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    missing = dict.fromkeys(info["missing_keys"], "is not in its weights")
    other = {
        name: f"is {list(stored)} in its weights, but {list(wanted)} by its config.json"
        for name, stored, wanted in info["mismatched_keys"]
    }
    return {name: what for name, what in sorted({**missing, **other}.items()) if name in parameters}


def in_trunk(model: PreTrainedModel, name: str) -> bool:
    """Whether a parameter is one of the encoder; a pooler belongs to the head, as it is trained with it."""
    return name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name


def refuse_fresh_trunk(place: str | Path, model: PreTrainedModel, fresh: dict[str, str]) -> None:
    """Raise ModelError if weights of the encoder would be random, as they are where their names have another prefix."""
    lost = [name for name in fresh if in_trunk(model, name)]
    if lost:
        n_all = sum(in_trunk(model, name) for name, _ in model.named_parameters())
        raise ModelError(
            f"the teacher {place}: its weights are not those of its config.json: {len(lost)} of {n_all} tensors of the "
            f"{model.config.model_type} would be random ({lost[0]} {fresh[lost[0]]}); save it again by "
            "save_pretrained of the model that was trained"
        )


def _refuse_more_layers(place: str | Path, model: PreTrainedModel, info: dict[str, Any]) -> None:
    stacks = {name: len(module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    for key in sorted(info["unexpected_keys"]):
        for stack, n_layers in stacks.items():
            found = re.match(rf"{re.escape(stack)}\.(\d+)\.", key)
            if found and int(found[1]) >= n_layers:
                raise ModelError(
                    f"the teacher {place}: its weights are not those of its config.json, which has num_hidden_layers={n_layers} "
                    f"({key} is in the weights); copy the config.json that belongs to them"
                )


def _fresh_head(place: Path, config: PreTrainedConfig, fresh: dict[str, str]) -> str:
    name, what = next(iter(fresh.items()))
    named = (getattr(config, "architectures", None) or ["no architecture"])[0]
    if "by its config.json" in what:
        return f"has a classification head of another size: {name} {what}; correct id2label in its config.json"
    if (place / "model_head.pkl").is_file():
        return (
            f"is a SetFit model, whose head (model_head.pkl) transformers does not read; set epochs >= 1, or {INSTEAD}"
        )
    return (
        f"has no trained classification head ({name} {what}; its config.json says {named}): what it answers would be random; "
        "set epochs >= 1 to fine-tune it, or name a fine-tuned classifier"
    )


def named_head(label_names: Sequence[str], is_multi_label: bool = False) -> dict[str, Any]:
    """The settings of a new head for these classes: one of them is picked, or each is answered by itself."""
    return {
        "num_labels": len(label_names),
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: i for i, name in enumerate(label_names)},
        "problem_type": EACH_LABEL if is_multi_label else ONE_CLASS,
    }
