"""Distillation by the logits themselves (Ba & Caruana 2014, equation 2; Tang et al. 2019, equation 1)."""

from __future__ import annotations

from torch import Tensor, nn


class LogitMSELoss(nn.Module):
    """The squared distance of logits, never of probabilities; the mean over the classes, one value a row."""

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, progress: float = 0.0) -> Tensor:
        """`[batch]` of two `[batch, classes]`."""
        return (student_logits - teacher_logits).square().mean(dim=-1)
