"""How well each label is answered if a text has several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED, n_texts_of
from distune.models.decision import AnyDecision, EachLabel
from distune.tuning.champion.answers import Answers


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """One label: how many test texts have it, and from which probability on and with which F1 each of the two models answers it."""

    label: str
    n_texts: int
    threshold_of_teacher: float
    threshold_of_student: float
    f1_of_teacher: float | None
    f1_of_student: float | None
    """None if no test text has the label."""


def label_scores(answers: Answers) -> list[LabelScore]:
    """All labels, those that the student answers worst first and those that no test text has last. Texts of which it is not known
    whether they have a label do not count for it."""
    n_texts = n_texts_of(answers.labels, len(answers.names))
    thresholds = [_thresholds(by) for by in (answers.by_teacher, answers.by_student)]
    teacher, student = _f1(answers.of_teacher, answers.labels), _f1(answers.of_student, answers.labels)
    found = [
        LabelScore(
            label=name,
            n_texts=int(n_texts[i]),
            threshold_of_teacher=thresholds[0][i],
            threshold_of_student=thresholds[1][i],
            f1_of_teacher=float(teacher[i]) if n_texts[i] else None,
            f1_of_student=float(student[i]) if n_texts[i] else None,
        )
        for i, name in enumerate(answers.names)
    ]
    return sorted(found, key=lambda one: (np.inf if one.f1_of_student is None else one.f1_of_student, -one.n_texts))


def _thresholds(decision: AnyDecision) -> tuple[float, ...]:
    if not isinstance(decision, EachLabel):
        raise ValueError(f"a text has several labels, and each needs a threshold, but got {decision!r}")
    return decision.answers_from


def _f1(said: NDArray[np.int64], labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """`[labels]`; 0 if a label is not there and not answered."""
    is_said, has = (said == 1) & (labels != UNLABELLED), labels == 1
    found: NDArray[np.float64] = 2 * (is_said & has).sum(axis=0) / np.maximum(is_said.sum(axis=0) + has.sum(axis=0), 1)
    return found
