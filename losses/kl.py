"""Distillation by softened probabilities (Hinton et al. 2015, section 2), and the same read the other way."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from distune.losses.softened import SoftenedConfig, SoftenedLoss, kl_of_logs


class KLConfig(SoftenedConfig, frozen=True):
    """Softened probabilities, the teacher's to the student's (Hinton et al. 2015)."""

    kind: Literal["kl"]


class ReverseKLConfig(SoftenedConfig, frozen=True):
    """The same, the student's to the teacher's (Gu et al. 2024)."""

    kind: Literal["reverse_kl"]


class KLLoss(SoftenedLoss):
    """`T² · KL(softmax(teacher / T) ‖ softmax(student / T))`: the student must cover what the teacher deems possible."""

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return kl_of_logs(teacher, student)


class ReverseKLLoss(SoftenedLoss):
    """`T² · KL(softmax(student / T) ‖ softmax(teacher / T))`: the student must not say what the teacher deems unlikely
    (Gu et al. 2024, equation 2)."""

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return kl_of_logs(student, teacher)
