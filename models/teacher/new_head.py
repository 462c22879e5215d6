"""A classifier before it is trained: a checkpoint or a shape with a new head, and the layers that learn."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.loading import load_trunk
from distune.models.teacher.tokenizing import agree_on_padding, fitting_length, refuse_ids_beyond


@dataclass(frozen=True)
class NewClassifier:
    """A classifier with a head that has learnt nothing yet, and the settings that fit it."""

    model: PreTrainedModel
    config: TeacherConfig
    notes: tuple[str, ...]


def new_classifier(
    config: TeacherConfig, start: str | BertConfig, tokenizer: PreTrainedTokenizerBase, head: dict[str, Any]
) -> NewClassifier:
    """A checkpoint, or a model of a shape, with a new head of these settings."""
    if isinstance(start, str):
        revision = config.revision if start == config.checkpoint else None
        model = load_trunk(AutoModelForSequenceClassification, start, revision, **head)
        max_length, notes, _ = fit(config, start, model, tokenizer)
        config = config.model_copy(update={"max_length": max_length})
    else:
        shape = copy.deepcopy(start)
        shape.id2label, shape.label2id = head["id2label"], head["label2id"]
        shape.problem_type = head["problem_type"]
        model, notes = BertForSequenceClassification(shape), []
    freeze_all_but_last(model, config.train_last_layers)
    return NewClassifier(model, config, tuple(notes))


def fit(
    config: TeacherConfig, start: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[int, list[str], str]:
    """Have a model and its tokenizer fit each other; returns the tokens of a text that it reads, what is assumed, its name."""
    name = f"the teacher {start}"
    refuse_ids_beyond(name, model, tokenizer)
    notes = agree_on_padding(name, model, tokenizer)
    may_cut = "max_length" not in config.model_fields_set
    max_length, cut = fitting_length(name, model, config.max_length, may_cut)
    return max_length, [*notes, *cut], name


def draw_last_layer(model: PreTrainedModel, n_classes: int) -> None:
    """Forget which column of the head was which class."""
    body = {id(layer) for layer in model.base_model.modules()}
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == n_classes and id(layer) not in body:
            nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def freeze_all_but_last(model: PreTrainedModel, train_last_layers: int | None) -> None:
    """Freeze the embeddings and all encoder layers except the last N; the pooler and the head are always trained.

    Raises ModelError when the model has fewer layers, or none that can be found, or layers that share their weights.
    """
    if train_last_layers is None:
        return
    stacks = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise ModelError(f"train_last_layers: no stack of layers found in {type(model).__name__}; leave it out")
    layers = max(stacks, key=len)
    n_stated = getattr(model.config, "num_hidden_layers", len(layers))
    if train_last_layers and len(layers) < n_stated:
        raise ModelError(
            f"train_last_layers must be 0 or left out, as the {n_of(n_stated, 'layer')} of a {model.config.model_type} share "
            f"their weights, but got {train_last_layers=}"
        )
    if train_last_layers > len(layers):
        raise ModelError(f"train_last_layers must be <= {len(layers)}, but got {train_last_layers=}")
    model.base_model.requires_grad_(False)
    pooler = getattr(model.base_model, "pooler", None)
    trained = [*layers[len(layers) - train_last_layers :], *([pooler] if isinstance(pooler, nn.Module) else [])]
    for module in trained:
        module.requires_grad_(True)
