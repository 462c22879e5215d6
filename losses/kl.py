"""Distillation by softened probabilities (Hinton et al. 2015, section 2)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from torch import Tensor, nn


class KLConfig(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["kl"]
    temperature: float = Field(default=2.0, gt=0, le=1000)


class KLLoss(nn.Module):
    """`T² · KL(softmax(teacher / T) ‖ softmax(student / T))`, the mean over the batch.

    T² keeps the gradient's size when T grows; without it a search over T would only search the weight.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be > 0, but got {temperature=}")
        self.temperature = temperature

    def forward(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """A scalar of two `[batch, classes]`."""
        student = nn.functional.log_softmax(student_logits / self.temperature, dim=-1)
        teacher = nn.functional.log_softmax(teacher_logits / self.temperature, dim=-1)
        divergence = nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
        return self.temperature**2 * divergence
