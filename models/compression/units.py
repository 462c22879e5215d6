"""Structured pruning: whole hidden units are removed, and what is left is an ordinary, smaller student (Li et al. 2017)."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from distune.models.compression.config import PruneUnitsConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.students.embedding import classifier_head
from distune.models.students.pairs import N_STATES
from distune.models.students.student import Student
from distune.models.students.units import largest_units


def prune_units(trained: Trained, config: PruneUnitsConfig, material: CalibrationData) -> Trained:
    """The student with the units of the smallest weights removed.

    Raises ModelError for a student whose layers were factorised before.
    """
    if trained.structure.ranks:
        raise ModelError("prune_units cannot follow low_rank: remove units first, then factorise what is left")
    old = trained.student
    smaller = trained.config.keep_units(old.body, config.keep)
    hidden_layer = trained.config.hidden_layer
    shape = smaller.config.model_copy(
        update={"hidden_layer": max(1, round(hidden_layer * config.keep)) if hidden_layer else 0}
    )
    student = copy.deepcopy(old)
    features = _of_pairs(smaller.features, int(old.body.output_size), N_STATES[shape.pair])  # type: ignore[arg-type]
    if old.overlap is not None:  # Its features stand behind those of the states, and stay.
        features = torch.cat([features, torch.arange(old.n_features - old.overlap.n_features, old.n_features)])
    student.body, student.n_features = smaller.body, len(features)
    _narrow_between(student, smaller.features)
    student.head = _narrow_head(old, features, shape)
    student.eval()
    material.tune(student, config.epochs)
    return replace(trained, student=student, config=shape)


def _of_pairs(features: Tensor, n_before: int, n_states: int) -> Tensor:
    """The same features in each of the states that the head sees side by side."""
    return torch.cat([features + n_before * state for state in range(n_states)])


def _narrow_between(student: Student, features: Tensor) -> None:
    """The pooling and the norm, for these features of what they had."""
    if isinstance(student.norm, nn.LayerNorm):
        norm = nn.LayerNorm(len(features))
        norm.weight.data.copy_(student.norm.weight.detach()[features])
        norm.bias.data.copy_(student.norm.bias.detach()[features])
        student.norm = norm
    score = getattr(student.pooling, "score", None)
    if isinstance(score, nn.Linear):
        score.weight = nn.Parameter(score.weight.detach()[:, features].clone())
        score.in_features = len(features)


def _narrow_head(old: Student, features: Tensor, shape: object) -> nn.Sequential:
    """The head over these features, with as many units in its hidden layers as the new shape has."""
    layers = [layer for layer in old.head if isinstance(layer, nn.Linear)]
    head = classifier_head(len(features), shape, layers[-1].out_features)  # type: ignore[arg-type]
    inputs = features
    for layer, new in zip(layers, [one for one in head if isinstance(one, nn.Linear)], strict=True):
        is_last = layer is layers[-1]
        scores = layer.weight.detach().square().sum(dim=1)
        outputs = torch.arange(layer.out_features) if is_last else largest_units(scores, new.out_features)
        new.weight.data.copy_(layer.weight.detach()[outputs][:, inputs])
        new.bias.data.copy_(layer.bias.detach()[outputs])
        inputs = outputs
    return head
