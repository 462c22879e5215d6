"""The test texts that are worth reading: those of which student and teacher say different things, and those that both get wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED
from distune.models.decision import same_answers
from distune.tuning.champion.answers import Answers

Mark = Literal["right", "wrong", "extra", "missing", "unknown"]
"""An answer is `right` or `wrong` if a text has one label. If it has several, an answered label is `right`, `extra`, or
`unknown`, as nobody knows whether the text has it. A label of the text that is not answered is `missing`."""
OF_SEVERAL: dict[tuple[bool, int], Mark] = {
    (True, 1): "right",
    (True, 0): "extra",
    (True, UNLABELLED): "unknown",
    (False, 1): "missing",
}
WRONG = ("wrong", "extra", "missing")
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Said:
    """A label in the answer of a model, or missing from it, and its probability."""

    label: str
    probability: float
    mark: Mark

    @property
    def is_wrong(self) -> bool:
        return self.mark in WRONG


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test text: its labels, and the answers of both models. If a text has several labels, what is wrong of an answer comes
    first."""

    row: int
    """Its place among the test texts."""
    labels: tuple[str, ...]
    n_unknown: int = 0
    """Labels of which nobody knows whether the text has them."""
    teacher: tuple[Said, ...]
    student: tuple[Said, ...]


def disagreements(answers: Answers, n: int) -> list[Case]:
    """The texts of which the two say different things, the widest apart first.

    That is the total variation of their probabilities. If a text has several labels, it is the sum over those that they answer
    differently, without unknown ones.
    """
    apart = np.abs(answers.probabilities_of_teacher - answers.probabilities_of_student)
    if not answers.is_multi_label:
        differ = ~same_answers(answers.of_teacher, answers.of_student)
        return _cases(answers, _largest(apart.sum(axis=1) / 2, differ, n))
    differs = (answers.of_teacher != answers.of_student) & (answers.labels != UNLABELLED)
    return _cases(answers, _largest((apart * differs).sum(axis=1), differs.any(axis=1), n))


def both_wrong(answers: Answers, n: int) -> list[Case]:
    """The texts on which both agree and the label differs, sorted by the confidence of the less confident one.

    If a text has several labels, they agree on one that the text does not have, or on leaving out one that it has. The label
    with the largest confidence counts.
    """
    teacher, student = answers.probabilities_of_teacher, answers.probabilities_of_student
    said = answers.of_student
    if not answers.is_multi_label:
        rows = np.arange(len(said))
        wrong = (said == answers.of_teacher) & (said != answers.labels)
        return _cases(answers, _largest(np.minimum(teacher[rows, said], student[rows, said]), wrong, n))
    wrongs = (said == answers.of_teacher) & (said != answers.labels) & (answers.labels != UNLABELLED)
    sure = np.minimum(np.where(said == 1, teacher, 1 - teacher), np.where(said == 1, student, 1 - student))
    return _cases(answers, _largest((sure * wrongs).max(axis=1), wrongs.any(axis=1), n))


def _largest(values: Floats, among: NDArray[np.bool_], n: int) -> list[int]:
    return [int(row) for row in np.argsort(-values, kind="stable") if among[row]][:n]


def _cases(answers: Answers, rows: Iterable[int]) -> list[Case]:
    said_of = _of_several if answers.is_multi_label else _of_one
    teacher, student = answers.probabilities_of_teacher, answers.probabilities_of_student
    by_teacher, by_student = answers.of_teacher, answers.of_student
    found = []
    for row in rows:
        label = answers.labels[row]
        found.append(
            Case(
                row=row,
                labels=tuple(answers.names[i] for i in (np.flatnonzero(label == 1) if label.ndim else [label])),
                n_unknown=int((label == UNLABELLED).sum()),
                teacher=said_of(answers.names, by_teacher[row], teacher[row], label),
                student=said_of(answers.names, by_student[row], student[row], label),
            )
        )
    return found


def _of_one(names: tuple[str, ...], said: Any, found: Floats, label: Any) -> tuple[Said, ...]:
    return (Said(label=names[said], probability=float(found[said]), mark="right" if said == label else "wrong"),)


def _of_several(names: tuple[str, ...], said: Any, found: Floats, label: Any) -> tuple[Said, ...]:
    """Errors first, and among these and the rest the likeliest label first."""
    every = [
        Said(label=names[i], probability=float(found[i]), mark=OF_SEVERAL[bool(said[i]), int(label[i])])
        for i in np.flatnonzero((said == 1) | (label == 1))
    ]
    return tuple(sorted(every, key=lambda one: (not one.is_wrong, -one.probability)))
