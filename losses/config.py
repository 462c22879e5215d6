"""What a study says of the loss. It needs no torch: each term imports its own module when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from distune._kinds import OpenKinds, Part
from distune.losses.annealing import Annealed, Annealing

if TYPE_CHECKING:
    from torch import nn

TeachersKind = Literal["mean", "weighted", "sampled"]


class TeacherTerm(Part, frozen=True):
    """How a student's answers are compared with its teacher's."""

    def build(self) -> nn.Module:
        """The module that compares them. It is called as `(student_logits, teacher_logits, labels, progress)` and gives one value
        a row, `[batch]` of `[batch, classes]`. A row without a label has -1, and `progress` is the part of the training that is
        done."""
        raise NotImplementedError


class HiddenTerm(Part, frozen=True):
    """How a student's pooled state is compared with its teacher's hidden states."""

    def build(self, n_student: int, n_teacher: int) -> nn.Module:
        """The module that compares them. It is called as `(student_states, teacher_states)` and gives one value a row, `[batch]`
        of `[batch, n_student]` and `[batch, n_teacher]`. Its parameters are learnt beside the student's."""
        raise NotImplementedError


class SoftenedConfig(TeacherTerm, frozen=True):
    """Settings of the terms that compare softened probabilities."""

    temperature: float = Field(default=2.0, gt=0, le=1000)
    """T: logits are divided by it before they become probabilities."""
    annealing: Annealing = "constant"
    """How the temperature goes to `final_temperature` while the student learns."""
    final_temperature: float = Field(default=1.0, gt=0, le=1000)
    """The temperature at the end of the training, unless it is constant."""
    standardise: bool = False
    """Divide logits by their own spread first, so that the student need not learn the teacher's (Sun et al. 2024).

    Of no use with two classes: the standardised logits are always 1 and -1.
    """

    def schedule(self) -> Annealed:
        return Annealed(self.temperature, self.final_temperature, self.annealing)


class KLConfig(SoftenedConfig, frozen=True):
    """Softened probabilities, the teacher's to the student's (Hinton et al. 2015)."""

    kind: Literal["kl"]

    def build(self) -> nn.Module:
        from distune.losses.kl import KLLoss

        return KLLoss(self.schedule(), self.standardise)


class ReverseKLConfig(SoftenedConfig, frozen=True):
    """The same, the student's to the teacher's (Gu et al. 2024)."""

    kind: Literal["reverse_kl"]

    def build(self) -> nn.Module:
        from distune.losses.kl import ReverseKLLoss

        return ReverseKLLoss(self.schedule(), self.standardise)


class JensenShannonConfig(SoftenedConfig, frozen=True):
    """The symmetric, bounded divergence of softened probabilities (Lin 1991)."""

    kind: Literal["jensen_shannon"]

    def build(self) -> nn.Module:
        from distune.losses.jensen_shannon import JensenShannonLoss

        return JensenShannonLoss(self.schedule(), self.standardise)


class DecoupledConfig(SoftenedConfig, frozen=True):
    """How sure the teacher is of the target, and how it ranks the other classes (Zhao et al. 2022). With two classes there
    is nothing to rank: the second part is zero."""

    kind: Literal["decoupled"]
    target_weight: float = Field(default=1.0, ge=0)
    """The weight of the first part; α of the paper."""
    other_weight: float = Field(default=2.0, ge=0)
    """The weight of the second part; β of the paper, which takes 8 for CIFAR-100 and 0.5 for ImageNet."""

    def build(self) -> nn.Module:
        from distune.losses.decoupled import DecoupledLoss

        return DecoupledLoss(self.schedule(), self.target_weight, self.other_weight, self.standardise)


class MSEConfig(TeacherTerm, frozen=True):
    """The squared distance of the logits (Ba & Caruana 2014; Tang et al. 2019)."""

    kind: Literal["mse"]

    def build(self) -> nn.Module:
        from distune.losses.mse import LogitMSELoss

        return LogitMSELoss()


AnyTeacherTerm = KLConfig | ReverseKLConfig | JensenShannonConfig | DecoupledConfig | MSEConfig
TERMS = OpenKinds(
    part="loss.teacher_term", group="distune.losses", base=TeacherTerm, ours=AnyTeacherTerm, builder="build"
)
TeacherTermConfig = Annotated[AnyTeacherTerm, TERMS]


class HiddenMSEConfig(HiddenTerm, frozen=True):
    """The squared distance (Romero et al. 2015, equation 3; Jiao et al. 2020, equation 8)."""

    kind: Literal["mse"]

    def build(self, n_student: int, n_teacher: int) -> nn.Module:
        from distune.losses.hidden import HiddenMSELoss

        return HiddenMSELoss(n_student, n_teacher)


class HiddenCosineConfig(HiddenTerm, frozen=True):
    """One minus the cosine (Sanh et al. 2019, section 3)."""

    kind: Literal["cosine"]

    def build(self, n_student: int, n_teacher: int) -> nn.Module:
        from distune.losses.hidden import HiddenCosineLoss

        return HiddenCosineLoss(n_student, n_teacher)


AnyHiddenConfig = HiddenMSEConfig | HiddenCosineConfig
HIDDEN = OpenKinds(
    part="loss.hidden", group="distune.hidden_losses", base=HiddenTerm, ours=AnyHiddenConfig, builder="build"
)
HiddenConfig = Annotated[AnyHiddenConfig, HIDDEN]


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
