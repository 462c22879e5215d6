"""What a student minimises: `kd_weight * teacher term + (1 - kd_weight) * cross-entropy`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field
from torch import Tensor, nn

from losses.kl import KLConfig, KLLoss
from losses.mse import LogitMSELoss, MSEConfig

UNLABELLED = -1

AnyTeacherTerm = KLConfig | MSEConfig
TeacherTermConfig = Annotated[AnyTeacherTerm, Field(discriminator="kind")]


class LossConfig(BaseModel, frozen=True, extra="forbid"):
    """The mix; `kd_weight` 0 is the plain student, which sees labels alone, and 1 the teacher alone.

    It is not called alpha: some papers weigh the teacher by that name, others the labels.
    """

    kd_weight: float = Field(default=0.9, ge=0, le=1)
    teacher_term: TeacherTermConfig = MSEConfig(kind="mse")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)

    @property
    def is_plain(self) -> bool:
        return self.kd_weight == 0


def build_teacher_term(config: AnyTeacherTerm) -> nn.Module:
    return KLLoss(config.temperature) if isinstance(config, KLConfig) else LogitMSELoss()


class Objective(nn.Module):
    """The teacher term counts every row, the cross-entropy the labelled rows only."""

    def __init__(self, kd_weight: float, teacher_term: nn.Module, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= kd_weight <= 1:
            raise ValueError(f"kd_weight must be in [0, 1], but got {kd_weight=}")
        self.kd_weight = kd_weight
        self.teacher_term = teacher_term
        self.label_smoothing = label_smoothing

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar of two `[batch, classes]` and labels `[batch]`, -1 for a row without one."""
        loss = student_logits.sum() * 0.0  # Zero, and still differentiable where a batch has neither term.
        if self.kd_weight > 0:
            loss = loss + self.kd_weight * self.teacher_term(student_logits, teacher_logits.detach())
        labelled = labels != UNLABELLED
        if self.kd_weight < 1 and bool(labelled.any()):
            hard = nn.functional.cross_entropy(
                student_logits[labelled], labels[labelled], label_smoothing=self.label_smoothing
            )
            loss = loss + (1 - self.kd_weight) * hard
        return loss


def build_objective(config: LossConfig) -> Objective:
    return Objective(config.kd_weight, build_teacher_term(config.teacher_term), config.label_smoothing)
