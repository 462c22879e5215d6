"""Which label is taken for which, if a text has one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distune.tuning.champion.answers import Answers


def counts_of(answers: Answers, said: NDArray[np.int64]) -> NDArray[np.int64]:
    """The confusion matrix `[label, answer]` of one of the two, who said `[texts]`."""
    n_classes = len(answers.names)
    pairs = np.bincount(answers.labels * n_classes + said, minlength=n_classes**2)
    return pairs.reshape(n_classes, n_classes)


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """One label that is taken for another, and in how many test texts each of the two models does so."""

    label: str
    answer: str
    n_student: int
    n_teacher: int


def confused_pairs(answers: Answers, n: int) -> list[ConfusedPair]:
    """The pairs that the student confuses most, the most texts first; among equals those that the teacher confuses
    more often."""
    student, teacher = counts_of(answers, answers.of_student), counts_of(answers, answers.of_teacher)
    wrong = [(int(i), int(j)) for i, j in zip(*np.nonzero(student), strict=True) if i != j]
    found = sorted(wrong, key=lambda pair: (-student[pair], -teacher[pair]))[:n]
    return [
        ConfusedPair(
            label=answers.names[i],
            answer=answers.names[j],
            n_student=int(student[i, j]),
            n_teacher=int(teacher[i, j]),
        )
        for i, j in found
    ]
