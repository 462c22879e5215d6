"""Magnitude pruning of single weights (Han et al. 2015): the smallest become zero, and stay it while the rest is tuned.

Zeros cost as much time and space as other numbers: no runtime here skips them. It shows how much of a student is needed,
and its file packs well.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from distune.models.compression.config import PruneWeightsConfig
from distune.models.compression.trained import CalibrationData, Trained


def prune_weights(trained: Trained, config: PruneWeightsConfig, material: CalibrationData) -> Trained:
    """The student with the smallest weights of every matrix at zero."""
    student = copy.deepcopy(trained.student)
    masks = [(matrix, largest_weights(matrix.detach(), config.sparsity)) for matrix in _matrices(student)]

    def hold() -> None:
        with torch.no_grad():
            for matrix, mask in masks:
                matrix.mul_(mask.to(matrix.device))

    hold()
    material.tune(student, config.epochs, hold)
    return replace(trained, student=student)


def largest_weights(matrix: Tensor, sparsity: float) -> Tensor:
    """A mask over a matrix that is true where its largest entries are, false at the part `sparsity` of the smallest."""
    n_zero = int(matrix.numel() * sparsity)
    order = matrix.abs().flatten().argsort()
    mask = torch.ones(matrix.numel(), dtype=torch.bool)
    mask[order[:n_zero]] = False
    return mask.view_as(matrix)


def _matrices(student: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in student.named_parameters() if p.dim() >= 2 and not name.startswith("embedding.")]
