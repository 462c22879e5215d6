"""The common part of the terms that compare probabilities softened by a temperature."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from distune.losses.annealing import Annealed, constant


class SoftenedLoss(nn.Module):
    """`T² * divergence(softmax(teacher / T), softmax(student / T))`, one value a row.

    T² keeps the gradient's size when T grows (Hinton et al. 2015, section 2); without it a search over T would only
    search the weight. Raises ValueError for a temperature that is not positive, at the start or at the end.
    """

    def __init__(self, temperature: float | Annealed, standardise: bool = False) -> None:
        super().__init__()
        self.temperature = temperature if isinstance(temperature, Annealed) else constant(temperature)
        self.standardise = standardise
        if min(self.temperature.start, self.temperature.end) <= 0:
            raise ValueError(f"temperature must be > 0, but got {temperature=}")

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, progress: float = 0.0) -> Tensor:
        """`[batch]` of two `[batch, classes]` and labels `[batch]`; `progress` is the part of the training done."""
        temperature = self.temperature.at(progress)
        if self.standardise:
            student_logits, teacher_logits = standardised(student_logits), standardised(teacher_logits)
        student = nn.functional.log_softmax(student_logits / temperature, dim=-1)
        teacher = nn.functional.log_softmax(teacher_logits / temperature, dim=-1)
        return temperature**2 * self.divergence(student, teacher, labels)

    @abstractmethod
    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        """`[batch]` of log-probabilities, twice `[batch, classes]`."""


def standardised(logits: Tensor) -> Tensor:
    """Each row less its mean, over its standard deviation (Sun et al. 2024, equation 9)."""
    centred = logits - logits.mean(dim=-1, keepdim=True)
    return centred / centred.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-7)


def kl_of_logs(p: Tensor, q: Tensor) -> Tensor:
    """`KL(p ‖ q)` of log-probabilities `[batch, classes]`, one value a row."""
    return torch.sum(p.exp() * (p - q), dim=-1)
