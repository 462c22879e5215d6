"""Distillation by the logits themselves (Ba & Caruana 2014, equation 2; Tang et al. 2019, equation 1)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel
from torch import Tensor, nn


class MSEConfig(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["mse"]


class LogitMSELoss(nn.Module):
    """The squared distance of logits, never of probabilities; the mean over batch and classes."""

    def forward(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """A scalar of two `[batch, classes]`."""
        return nn.functional.mse_loss(student_logits, teacher_logits)
