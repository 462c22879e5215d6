"""What a student minimises: `kd_weight * teacher term + (1 - kd_weight) * cross-entropy + hidden_weight * hidden term`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from distune.losses.annealing import Annealed, Annealing
from distune.losses.decoupled import DecoupledConfig, DecoupledLoss
from distune.losses.hidden import HIDDEN_TERMS, HiddenConfig, HiddenLoss, HiddenMSEConfig
from distune.losses.jensen_shannon import JensenShannonConfig, JensenShannonLoss
from distune.losses.kl import KLConfig, KLLoss, ReverseKLConfig, ReverseKLLoss
from distune.losses.mse import LogitMSELoss, MSEConfig
from distune.losses.teachers import TeachersKind

UNLABELLED = -1

AnyTeacherTerm = KLConfig | ReverseKLConfig | JensenShannonConfig | DecoupledConfig | MSEConfig
TeacherTermConfig = Annotated[AnyTeacherTerm, Field(discriminator="kind")]

TEACHER_TERMS: dict[type[AnyTeacherTerm], Callable[[Any], nn.Module]] = {
    KLConfig: lambda config: KLLoss(config.schedule(), config.standardise),
    ReverseKLConfig: lambda config: ReverseKLLoss(config.schedule(), config.standardise),
    JensenShannonConfig: lambda config: JensenShannonLoss(config.schedule(), config.standardise),
    DecoupledConfig: lambda config: DecoupledLoss(
        config.schedule(), config.target_weight, config.other_weight, config.standardise
    ),
    MSEConfig: lambda config: LogitMSELoss(),
}


class LossConfig(BaseModel, frozen=True, extra="forbid"):
    """The mix; `kd_weight` 0 is the plain student, which sees labels alone, and 1 the teacher alone.

    It is not called alpha: some papers weigh the teacher by that name, others the labels.
    """

    kd_weight: float = Field(default=0.9, ge=0, le=1)
    """The teacher term's share; the cross-entropy of the labels has the rest."""
    kd_annealing: Annealing = "constant"
    """How kd_weight goes to `final_kd_weight` while the student learns."""
    final_kd_weight: float = Field(default=0.5, ge=0, le=1)
    """The share at the end of the training, unless it is constant."""
    teacher_term: TeacherTermConfig = MSEConfig(kind="mse")
    """How the student's answers are compared with the teacher's."""
    teachers: TeachersKind = "weighted"
    """What is taken of several teachers: `weighted` follows each one's `weight`, as the accuracy does that students are held
    against; `mean` counts all alike; `sampled` takes for each batch one of them, drawn by weight."""
    weigh_by_confidence: bool = False
    """Count a row in the teacher term by how sure the teacher is of it: 1 - its entropy / the largest one."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """The part of each label that is spread over all classes, in the cross-entropy."""
    hidden_weight: float = Field(default=0.0, ge=0)
    """What the hidden term is multiplied by; it needs `teacher.hidden_states`."""
    hidden: HiddenConfig = HiddenMSEConfig(kind="mse")
    """How the hidden states are compared."""

    @property
    def schedule(self) -> Annealed:
        return Annealed(self.kd_weight, self.final_kd_weight, self.kd_annealing)

    @property
    def is_plain(self) -> bool:
        return self.schedule.at(0.0) == self.schedule.at(1.0) == self.hidden_weight == 0

    def plain(self) -> LossConfig:
        """Labels alone."""
        return LossConfig(kd_weight=0.0, label_smoothing=self.label_smoothing)


@dataclass(frozen=True)
class Hidden:
    """The states of a batch: the student's `[batch, n_student]` and the teacher's `[batch, n_teacher]`."""

    student: Tensor
    teacher: Tensor


class Objective(nn.Module):
    """The teacher term and the hidden term count every row, the cross-entropy the labelled rows only."""

    def __init__(self, config: LossConfig, hidden_term: HiddenLoss | None = None) -> None:
        super().__init__()
        self.config = config
        self.kd_weight = config.schedule
        self.teacher_term = TEACHER_TERMS[type(config.teacher_term)](config.teacher_term)
        self.hidden_term = hidden_term

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        progress: float = 0.0,
        hidden: Hidden | None = None,
    ) -> Tensor:
        """A scalar of two `[batch, classes]` and labels `[batch]`, -1 for a row without one.

        `progress` is the part of the training that is done, from 0 to 1.
        """
        kd_weight = self.kd_weight.at(progress)
        loss = student_logits.sum() * 0.0  # Zero, and still differentiable where a batch has no term at all.
        if kd_weight > 0:
            rows = self.teacher_term(student_logits, teacher_logits.detach(), labels, progress)
            if self.config.weigh_by_confidence:
                weights = confidence(teacher_logits.detach())
                loss = loss + kd_weight * (weights * rows).sum() / weights.sum().clamp_min(1e-6)
            else:
                loss = loss + kd_weight * rows.mean()
        labelled = labels != UNLABELLED
        if kd_weight < 1 and bool(labelled.any()):
            hard = nn.functional.cross_entropy(
                student_logits[labelled], labels[labelled], label_smoothing=self.config.label_smoothing
            )
            loss = loss + (1 - kd_weight) * hard
        if self.hidden_term is not None and hidden is not None:
            loss = loss + self.config.hidden_weight * self.hidden_term(hidden.student, hidden.teacher.detach()).mean()
        return loss


def confidence(logits: Tensor) -> Tensor:
    """`[batch]` of `[batch, classes]`: 1 for a certain answer, 0 where all classes are alike."""
    logs = nn.functional.log_softmax(logits, dim=-1)
    entropy = -torch.sum(logs.exp() * logs, dim=-1)
    return (1 - entropy / math.log(logits.shape[-1])).clamp_min(0.0)


def build_objective(config: LossConfig, n_student: int = 0, n_teacher: int = 0) -> Objective:
    """The objective of a student whose pooled state has `n_student` features, and its teacher's hidden states
    `n_teacher`.

    Raises ValueError when hidden states are weighed and there are none.
    """
    if not config.hidden_weight:
        return Objective(config)
    if not n_teacher:
        raise ValueError(f"hidden_weight={config.hidden_weight} needs the teacher's hidden states, and there are none")
    return Objective(config, HIDDEN_TERMS[type(config.hidden)](n_student, n_teacher))
