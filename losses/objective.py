"""The loss of a student: `kd_weight * teacher term + (1 - kd_weight) * cross-entropy + hidden_weight * hidden term`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distune.losses.config import LossConfig

UNLABELLED = -1


@dataclass(frozen=True)
class Hidden:
    """The states of a batch: the student's `[batch, n_student]` and the teacher's `[batch, n_teacher]`."""

    student: Tensor
    teacher: Tensor


class Objective(nn.Module):
    """The teacher term and the hidden term count every row, the cross-entropy the labelled rows only."""

    def __init__(
        self, config: LossConfig, hidden_term: nn.Module | None = None, class_weights: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.kd_weight = config.schedule
        self.teacher_term = config.teacher_term.build()
        self.hidden_term = hidden_term
        # Not in the state: a training that goes on computes them again.
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", class_weights, persistent=False)

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
            _refuse_other_than_rows(rows, labels, "teacher_term", self.config.teacher_term.kind)
            if self.config.weigh_by_confidence:
                weights = confidence(teacher_logits.detach())
                loss = loss + kd_weight * (weights * rows).sum() / weights.sum().clamp_min(1e-6)
            else:
                loss = loss + kd_weight * rows.mean()
        labelled = labels != UNLABELLED
        if kd_weight < 1 and bool(labelled.any()):
            loss = loss + (1 - kd_weight) * self._hard(student_logits[labelled], labels[labelled])
        if self.hidden_term is not None and hidden is not None:
            rows = self.hidden_term(hidden.student, hidden.teacher.detach())
            _refuse_other_than_rows(rows, labels, "hidden", self.config.hidden.kind)
            loss = loss + self.config.hidden_weight * rows.mean()
        return loss

    def _hard(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of labelled rows, a mean weighted by class: `[batch, classes]` and `[batch]` to a scalar."""
        smoothing, weights, gamma = self.config.label_smoothing, self.class_weights, self.config.focal_gamma
        if not gamma:
            return nn.functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
        rows = nn.functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction="none")
        p = nn.functional.softmax(logits, dim=-1).gather(1, labels[:, None])[:, 0]
        n = len(labels) if weights is None else weights[labels].sum()
        return ((1 - p) ** gamma * rows).sum() / n


def weights_of_classes(config: LossConfig, counts: Tensor, labels: Sequence[str] = ()) -> Tensor | None:
    """The weight of each class `[classes]` from the number of its texts, 1 in the mean over the texts; None without weights.

    A class without a text has the weight of one text. `labels` are the names of the classes, for weights by name. Raises
    ValueError if there is no text at all, and for the name of no class.
    """
    if config.class_weights == "none":
        return None
    if not counts.sum():
        raise ValueError(f"class_weights={config.class_weights} needs labelled texts, and there are none")
    counts = counts.double()
    weights = (
        _by_name(config.class_weights, labels) if isinstance(config.class_weights, dict) else _by_count(config, counts)
    )
    return (weights * counts.sum() / (weights * counts).sum()).float()


def _by_count(config: LossConfig, counts: Tensor) -> Tensor:
    n, beta = counts.clamp_min(1), config.effective_beta
    return 1 / (n if config.class_weights == "balanced" else (1 - beta**n) / (1 - beta))


def _by_name(weights: Mapping[str, float], labels: Sequence[str]) -> Tensor:
    if unknown := [name for name in weights if name not in labels]:
        raise ValueError(
            f"loss.class_weights: {unknown[0]!r} is none of the labels {', '.join(map(repr, labels[:20]))}"
        )
    return torch.tensor([weights.get(label, 1.0) for label in labels], dtype=torch.float64)


def _refuse_other_than_rows(rows: Tensor, labels: Tensor, part: str, kind: str) -> None:
    """Raise ValueError for what would be multiplied with the weights of the rows to something else than it seems."""
    if rows.shape != labels.shape:
        raise ValueError(
            f"loss.{part}: kind {kind} must give one value a row, [batch], here {list(labels.shape)}, but gave {list(rows.shape)}"
        )


def confidence(logits: Tensor) -> Tensor:
    """`[batch]` from `[batch, classes]`: 1 for a certain answer, 0 if all classes have the same probability."""
    logs = nn.functional.log_softmax(logits, dim=-1)
    entropy = -torch.sum(logs.exp() * logs, dim=-1)
    return (1 - entropy / math.log(logits.shape[-1])).clamp_min(0.0)


def build_objective(
    config: LossConfig,
    n_student: int = 0,
    n_teacher: int = 0,
    class_counts: Tensor | None = None,
    labels: Sequence[str] = (),
) -> Objective:
    """The objective of a student whose pooled state has `n_student` features, and its teacher's hidden states
    `n_teacher`.

    `class_counts` `[classes]` are the numbers of labelled texts and `labels` the names of the classes, for
    `class_weights`. Raises ValueError if the loss needs
    hidden states or class counts, and there are none.
    """
    if config.class_weights != "none" and class_counts is None:
        raise ValueError(f"class_weights={config.class_weights} needs the number of texts of each class")
    weights = None if class_counts is None else weights_of_classes(config, class_counts, labels)
    if not config.hidden_weight:
        return Objective(config, class_weights=weights)
    if not n_teacher:
        raise ValueError(f"hidden_weight={config.hidden_weight} needs the teacher's hidden states, and there are none")
    return Objective(config, config.hidden.build(n_student, n_teacher), weights)
