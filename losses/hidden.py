"""Distillation from inside the teacher: its hidden states, matched through a projection that is learnt on the way."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class HiddenLoss(nn.Module):
    """The distance of the projected student state from the teacher's, one value a row.

    `n_student` and `n_teacher` are the features of the two.
    """

    def __init__(self, n_student: int, n_teacher: int) -> None:
        super().__init__()
        self.projection = nn.Linear(n_student, n_teacher)

    def forward(self, student_states: Tensor, teacher_states: Tensor) -> Tensor:
        """`[batch]` of `[batch, n_student]` and `[batch, n_teacher]`."""
        return self.distance(self.projection(student_states), teacher_states)

    @abstractmethod
    def distance(self, projected: Tensor, teacher_states: Tensor) -> Tensor:
        """`[batch]` of two `[batch, n_teacher]`."""


class HiddenMSELoss(HiddenLoss):
    """The mean over the features of the squared distance."""

    def distance(self, projected: Tensor, teacher_states: Tensor) -> Tensor:
        return (projected - teacher_states).square().mean(dim=-1)


class HiddenCosineLoss(HiddenLoss):
    """One minus the cosine."""

    def distance(self, projected: Tensor, teacher_states: Tensor) -> Tensor:
        return 1 - nn.functional.cosine_similarity(projected, teacher_states, dim=-1)
