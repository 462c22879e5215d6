"""Distillation from inside the teacher: its hidden states, matched through a projection that is learnt on the way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from torch import Tensor, nn


class HiddenMSEConfig(BaseModel, frozen=True, extra="forbid"):
    """The squared distance (Romero et al. 2015, equation 3; Jiao et al. 2020, equation 8)."""

    kind: Literal["mse"]


class HiddenCosineConfig(BaseModel, frozen=True, extra="forbid"):
    """One minus the cosine (Sanh et al. 2019, section 3)."""

    kind: Literal["cosine"]


AnyHiddenConfig = HiddenMSEConfig | HiddenCosineConfig
HiddenConfig = Annotated[AnyHiddenConfig, Field(discriminator="kind")]


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

    def distance(self, projected: Tensor, teacher_states: Tensor) -> Tensor:
        """The mean over the features of the squared distance."""
        return (projected - teacher_states).square().mean(dim=-1)


class HiddenCosineLoss(HiddenLoss):
    def distance(self, projected: Tensor, teacher_states: Tensor) -> Tensor:
        return 1 - nn.functional.cosine_similarity(projected, teacher_states, dim=-1)


HIDDEN_TERMS: dict[type[AnyHiddenConfig], type[HiddenLoss]] = {
    HiddenMSEConfig: HiddenLoss,
    HiddenCosineConfig: HiddenCosineLoss,
}
