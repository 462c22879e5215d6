"""Distillation by softened probabilities (Hinton et al. 2015, section 2), and the same read the other way."""

from __future__ import annotations

from torch import Tensor

from distune.losses.softened import SoftenedLoss, kl_of_logs


class KLLoss(SoftenedLoss):
    """`T² · KL(softmax(teacher / T) ‖ softmax(student / T))`: the student must cover what the teacher deems possible."""

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return kl_of_logs(teacher, student)


class ReverseKLLoss(SoftenedLoss):
    """`T² · KL(softmax(student / T) ‖ softmax(teacher / T))`: the student must not say what the teacher deems unlikely
    (Gu et al. 2024, equation 2)."""

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return kl_of_logs(student, teacher)
