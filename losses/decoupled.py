"""Decoupled distillation: how sure the teacher is, and how it ranks the other classes, each by its own weight."""

from __future__ import annotations

import torch
from torch import Tensor

from distune.losses.annealing import Annealed
from distune.losses.softened import SoftenedLoss


class DecoupledLoss(SoftenedLoss):
    """`T² · (target_weight · TCKD + other_weight · NCKD)` (Zhao et al. 2022, equation 7).

    TCKD is the KL divergence of two probabilities: of the target, and of all else. NCKD is that of the other classes
    among themselves. The target is a row's label, or the teacher's answer for a row without one.
    """

    def __init__(
        self, temperature: float | Annealed, target_weight: float, other_weight: float, standardise: bool = False
    ) -> None:
        super().__init__(temperature, standardise)
        self.target_weight, self.other_weight = target_weight, other_weight

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        target = torch.where(labels < 0, teacher.argmax(dim=-1), labels).unsqueeze(-1)
        is_target = torch.zeros_like(teacher, dtype=torch.bool).scatter_(-1, target, True)
        sure, others = [], []
        for logs in (teacher, student):
            rest = logs.masked_fill(is_target, float("-inf")).logsumexp(dim=-1, keepdim=True)
            sure.append(torch.cat([logs.gather(-1, target), rest], dim=-1))
            others.append((logs - rest).masked_fill(is_target, 0.0))
        tckd = torch.sum(sure[0].exp() * (sure[0] - sure[1]), dim=-1)
        nckd = torch.sum(others[0].exp() * (others[0] - others[1]), dim=-1)
        return self.target_weight * tckd + self.other_weight * nckd
