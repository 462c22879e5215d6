"""The symmetric, bounded divergence of teacher and student (Lin 1991, equation 4.1, with equal weights)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distune.losses.softened import SoftenedLoss, kl_of_logs


class JensenShannonLoss(SoftenedLoss):
    """`T² · (KL(teacher ‖ m) + KL(student ‖ m)) / 2`, where m is the mean of the two; at most T² ln 2."""

    def divergence(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        middle = torch.logaddexp(student, teacher) - math.log(2)
        return (kl_of_logs(teacher, middle) + kl_of_logs(student, middle)) / 2
