"""The settings of the loss in a study. They need no torch: each term imports its own module when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

from distune._kinds import OpenKinds, Part
from distune.losses.annealing import Annealed, Annealing

if TYPE_CHECKING:
    from torch import nn

TeachersKind = Literal["mean", "weighted", "sampled"]


def _weights(given: Any) -> Any:
    """The kind of the weights, or the weights by label: YAML reads the label 1 as a number.

    Raises ValueError in words of its own: pydantic would name every type that the value could be of.
    """
    if not isinstance(given, dict):
        if given in get_args(ClassWeights):
            return given
        raise ValueError(
            f"must be none, balanced, effective, or a weight for each label, such as {{spam: 5}}, but got {given!r}"
        )
    if not given:
        raise ValueError("must name a label with its weight, such as {spam: 5}, but got {}")
    for name, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= LARGEST_WEIGHT:
            raise ValueError(f"the weight of {name!r} must be a number > 0 and <= {LARGEST_WEIGHT}, but got {weight!r}")
    return {str(name) if type(name) is int else name: weight for name, weight in given.items()}


LARGEST_WEIGHT = 1000
ClassWeights = Literal["none", "balanced", "effective"]
WeightOfLabel = Annotated[dict[str, Annotated[float, Field(gt=0, le=LARGEST_WEIGHT)]], Field(min_length=1)]
OF_LABELS = ("label_smoothing", "class_weights", "effective_beta", "focal_gamma")
"""The settings of the cross-entropy, which a plain student has too."""


class TeacherTerm(Part, frozen=True):
    """The comparison of a student's logits with its teacher's. A term of your own extends it:

    class HuberConfig(TeacherTerm, frozen=True):
        kind: Literal["huber"]

        def build(self) -> nn.Module:
            return Huber()
    """

    is_of_probabilities: ClassVar[bool] = True
    """Whether the term turns logits into probabilities by softmax. If a text has several labels, such a term compares
    each label by itself, as two classes. Any other term gets the logits `[batch, labels]` as they are."""

    def build(self) -> nn.Module:
        """The term as a module. It is called with `(student_logits, teacher_logits, labels, progress)` and gives one
        value a row, `[batch]` from `[batch, classes]`. A row without a label has -1, and `progress` is the part of
        the training that is done."""
        raise NotImplementedError


class HiddenTerm(Part, frozen=True):
    """The comparison of a student's pooled state with its teacher's hidden states."""

    def build(self, n_student: int, n_teacher: int) -> nn.Module:
        """The term as a module. It is called with `(student_states, teacher_states)` and gives one value a row,
        `[batch]` from `[batch, n_student]` and `[batch, n_teacher]`. The training learns its parameters together
        with the student's."""
        raise NotImplementedError


class SoftenedConfig(TeacherTerm, frozen=True):
    """Settings of the terms that compare softened probabilities."""

    temperature: float = Field(default=2.0, gt=0, le=1000)
    """The temperature T. Logits are divided by it before they become probabilities."""
    annealing: Annealing = "constant"
    """The way in which the temperature changes to `final_temperature` during the training."""
    final_temperature: float = Field(default=1.0, gt=0, le=1000)
    """The temperature at the end of the training, unless it is constant."""
    standardise: bool = False
    """`true` divides logits by their own spread first. Then the student does not have to learn the teacher's spread
    (Sun et al. 2024).

    It is useless with two classes, because the standardised logits are always 1 and -1.
    """

    def schedule(self) -> Annealed:
        """The temperature at each progress of the training."""
        return Annealed(self.temperature, self.final_temperature, self.annealing)


class KLConfig(SoftenedConfig, frozen=True):
    """KL divergence of softened probabilities, from the teacher's to the student's (Hinton et al. 2015)."""

    kind: Literal["kl"]

    def build(self) -> nn.Module:
        from distune.losses.kl import KLLoss

        return KLLoss(self.schedule(), self.standardise)


class ReverseKLConfig(SoftenedConfig, frozen=True):
    """KL divergence of softened probabilities, from the student's to the teacher's (Gu et al. 2024)."""

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
    """Two parts: the teacher's confidence in the target, and its ranking of the other classes (Zhao et al. 2022).
    With two classes there is no ranking, so the second part is zero."""

    kind: Literal["decoupled"]
    target_weight: float = Field(default=1.0, ge=0)
    """The weight of the first part; α in the paper."""
    other_weight: float = Field(default=2.0, ge=0)
    """The weight of the second part; β in the paper, which uses 8 for CIFAR-100 and 0.5 for ImageNet."""

    def build(self) -> nn.Module:
        from distune.losses.decoupled import DecoupledLoss

        return DecoupledLoss(self.schedule(), self.target_weight, self.other_weight, self.standardise)


class MSEConfig(TeacherTerm, frozen=True):
    """The squared distance of the logits (Ba & Caruana 2014; Tang et al. 2019)."""

    is_of_probabilities: ClassVar[bool] = False

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
    """The mix of the terms. With `kd_weight` 0 the student learns from the labels alone, and with 1 from the teacher
    alone.

    The weight is not called alpha: in some papers alpha is the teacher's weight, in others the labels'.
    """

    kd_weight: float = Field(default=0.9, ge=0, le=1)
    """The weight of the teacher term; the cross-entropy of the labels has the rest."""
    kd_annealing: Annealing = "constant"
    """The way in which kd_weight changes to `final_kd_weight` during the training."""
    final_kd_weight: float = Field(default=0.5, ge=0, le=1)
    """The value of kd_weight at the end of the training, unless it is constant."""
    teacher_term: TeacherTermConfig = MSEConfig(kind="mse")
    """The comparison of the student's logits with the teacher's."""
    teachers: TeachersKind = "weighted"
    """The combination of several teachers. `weighted` uses each teacher's `weight`, as the teachers' common accuracy
    does. `mean` counts all equally. `sampled` draws one teacher for each batch, by weight."""
    weigh_by_confidence: bool = False
    """`true` weighs each row of the teacher term by the teacher's confidence: 1 - its entropy / the largest entropy."""
    weigh_by_agreement: bool = False
    """`true` weighs each row of the teacher term by the agreement of several teachers: 1 - their Jensen-Shannon divergence / the
    largest one (Lin 1991). It needs `more_teachers`."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """The part of each label that is spread over all classes, in the cross-entropy."""
    class_weights: Annotated[ClassWeights | WeightOfLabel, BeforeValidator(_weights)] = "none"
    """The weights of the classes in the cross-entropy. `balanced` is in inverse proportion to the number of a class's
    labelled texts in train. `effective` is in inverse proportion to their effective number (Cui et al. 2019).
    `{spam: 5}` counts each text of `spam` five times as much as one of any other label. The teacher term has no weights."""
    effective_beta: float = Field(default=0.999, gt=0, lt=1)
    """β of `effective`: the effective number of n texts is (1 - β^n) / (1 - β). Near 0 all weights are equal, near 1 they
    are the balanced ones."""
    focal_gamma: float = Field(default=0.0, ge=0, le=10)
    """γ of the focal loss (Lin et al. 2017): the cross-entropy of a text counts (1 - p)^γ times, where p is the
    probability of its label."""
    hidden_weight: float = Field(default=0.0, ge=0)
    """The weight of the hidden term; it needs `teacher.hidden_states`."""
    hidden: HiddenConfig = HiddenMSEConfig(kind="mse")
    """The comparison of the hidden states."""

    @property
    def schedule(self) -> Annealed:
        """The `kd_weight` at each progress of the training."""
        return Annealed(self.kd_weight, self.final_kd_weight, self.kd_annealing)

    @property
    def is_plain(self) -> bool:
        """Whether the student learns from the labels alone, from the first step to the last."""
        return self.schedule.at(0.0) == self.schedule.at(1.0) == self.hidden_weight == 0

    def plain(self) -> LossConfig:
        """The loss of the same student without a teacher: it keeps the settings of the cross-entropy."""
        of_labels = {name: getattr(self, name) for name in OF_LABELS}
        return LossConfig(kd_weight=0.0, **of_labels)
