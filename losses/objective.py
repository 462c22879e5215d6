"""The loss of a student: `kd_weight * teacher term + (1 - kd_weight) * cross-entropy + hidden_weight * hidden term`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distune.losses.config import LossConfig
from distune.losses.hard import OneLabelTerm, SeveralLabelsTerm, weights_of_classes, weights_of_labels
from distune.losses.per_label import PerLabel


@dataclass(frozen=True)
class Hidden:
    """The states of a batch: the student's `[batch, n_student]` and the teacher's `[batch, n_teacher]`."""

    student: Tensor
    teacher: Tensor


class Objective(nn.Module):
    """The teacher term and the hidden term count every row, the term of the labels the labelled rows only."""

    def __init__(
        self,
        config: LossConfig,
        hidden_term: nn.Module | None = None,
        class_weights: Tensor | None = None,
        is_multi_label: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.kd_weight = config.schedule
        term = config.teacher_term.build()
        self.teacher_term = PerLabel(term) if is_multi_label and config.teacher_term.is_of_probabilities else term
        self.hidden_term = hidden_term
        self.hard_term = (SeveralLabelsTerm if is_multi_label else OneLabelTerm)(config, class_weights)
        self.confidence = confidence_of_labels if is_multi_label else confidence

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        progress: float = 0.0,
        hidden: Hidden | None = None,
        agreement: Tensor | None = None,
    ) -> Tensor:
        """A scalar of two `[batch, classes]` and labels `[batch]`, -1 for a row without one. If a text has several labels, they
        are `[batch, classes]`: 1, 0, or -1 for an unknown one.

        `progress` is the part of the training that is done, from 0 to 1. `agreement` `[batch]` is that of several teachers, for
        `weigh_by_agreement`; ValueError is raised if the loss needs it, and there is none.
        """
        kd_weight = self.kd_weight.at(progress)
        loss = student_logits.sum() * 0.0  # Zero, and still differentiable where a batch has no term at all.
        if kd_weight > 0:
            rows = self.teacher_term(student_logits, teacher_logits.detach(), labels, progress)
            _refuse_other_than_rows(rows, labels, "teacher_term", self.config.teacher_term.kind)
            weights = self._weights(teacher_logits.detach(), agreement)
            if weights is not None:
                loss = loss + kd_weight * (weights * rows).sum() / weights.sum().clamp_min(1e-6)
            else:
                loss = loss + kd_weight * rows.mean()
        if kd_weight < 1:
            loss = loss + (1 - kd_weight) * self.hard_term(student_logits, labels)
        if self.hidden_term is not None and hidden is not None:
            rows = self.hidden_term(hidden.student, hidden.teacher.detach())
            _refuse_other_than_rows(rows, labels, "hidden", self.config.hidden.kind)
            loss = loss + self.config.hidden_weight * rows.mean()
        return loss

    def _weights(self, teacher_logits: Tensor, agreement: Tensor | None) -> Tensor | None:
        """The weight of each row `[batch]` in the teacher term, None if all have the same weight."""
        factors = [self.confidence(teacher_logits)] if self.config.weigh_by_confidence else []
        if self.config.weigh_by_agreement:
            if agreement is None:
                raise ValueError("weigh_by_agreement needs the logits of several teachers, and there is one")
            factors.append(agreement.detach())
        return math.prod(factors[1:], start=factors[0]) if factors else None


def _refuse_other_than_rows(rows: Tensor, labels: Tensor, part: str, kind: str) -> None:
    """Raise ValueError for what would be multiplied with the weights of the rows to something else than it seems."""
    if rows.shape != labels.shape[:1]:
        raise ValueError(
            f"loss.{part}: kind {kind} must give one value a row, [batch], here {list(labels.shape[:1])}, but gave {list(rows.shape)}"
        )


def confidence(logits: Tensor) -> Tensor:
    """`[batch]` from `[batch, classes]`: 1 for a certain answer, 0 if all classes have the same probability."""
    logs = nn.functional.log_softmax(logits, dim=-1)
    entropy = -torch.sum(logs.exp() * logs, dim=-1)
    return (1 - entropy / math.log(logits.shape[-1])).clamp_min(0.0)


def confidence_of_labels(logits: Tensor) -> Tensor:
    """`[batch]` from `[batch, labels]`: 1 if each label is certain, 0 if each has a probability of 0.5."""
    p = logits.sigmoid()
    entropy = -(p * nn.functional.logsigmoid(logits) + (1 - p) * nn.functional.logsigmoid(-logits)).mean(dim=-1)
    return (1 - entropy / math.log(2)).clamp_min(0.0)


def build_objective(
    config: LossConfig,
    n_student: int = 0,
    n_teacher: int = 0,
    class_counts: Tensor | None = None,
    labels: Sequence[str] = (),
    is_multi_label: bool = False,
) -> Objective:
    """The objective of a student whose pooled state has `n_student` features, and its teacher's hidden states
    `n_teacher`.

    `class_counts` are the numbers of labelled texts and `labels` the names of the classes, for `class_weights`. They are
    `[classes]`. If a text has several labels, they are `[2, classes]`: of texts without a label, and with it. Raises
    ValueError if the loss needs hidden states or class counts, and there are none.
    """
    if config.class_weights != "none" and class_counts is None:
        raise ValueError(f"class_weights={config.class_weights} needs the number of texts of each class")
    weigh = weights_of_labels if is_multi_label else weights_of_classes
    weights = None if class_counts is None else weigh(config, class_counts, labels)
    if not config.hidden_weight:
        return Objective(config, None, weights, is_multi_label)
    if not n_teacher:
        raise ValueError(f"hidden_weight={config.hidden_weight} needs the teacher's hidden states, and there are none")
    return Objective(config, config.hidden.build(n_student, n_teacher), weights, is_multi_label)
