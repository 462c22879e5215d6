"""The answers of the chosen student and its teacher to the test texts, kept with a search's results."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from distune._pairs import MARK, sides
from distune._plural import n_of
from distune.corpora.kept import reading
from distune.corpora.labelling import UNLABELLED
from distune.corpora.places import Place
from distune.models.decision import LIKELIEST, AnyDecision, decision_of
from distune.models.logits import probabilities

ABOUT = b"distune"
BINS = 10
Floats = NDArray[np.float64]
Logits = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The label of each test text `[texts]`, an index into `names`, and the logits `[texts, classes]` of teacher and
    student, the student's as it is served. If a text has several labels, they are `[texts, labels]` as in `Split`."""

    trial: int
    """The trial whose best seed the student is."""
    names: tuple[str, ...]
    texts: tuple[str, ...]
    labels: NDArray[np.integer[Any]]
    teacher: Logits
    student: Logits
    by_teacher: AnyDecision = LIKELIEST
    by_student: AnyDecision = LIKELIEST
    """The rule that turns the logits of each into its answers."""

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has several labels."""
        return self.labels.ndim == 2

    @property
    def of_teacher(self) -> NDArray[np.int64]:
        """The answered class of each text `[texts]`."""
        return self.by_teacher.of_logits(self.teacher)

    @property
    def of_student(self) -> NDArray[np.int64]:
        """The answered class of each text `[texts]`."""
        return self.by_student.of_logits(self.student)


def write_answers(answers: Answers, place: Place) -> None:
    """Write them as a Parquet file: `text` (of pairs, `text_b` too), `label`, `teacher_logits`, `student_logits`."""
    columns = zip(*map(sides, answers.texts), strict=True)
    table = pa.table(
        {
            **dict(zip(("text", "text_b"), map(list, columns), strict=False)),
            **_label_columns(answers),
            "teacher_logits": pa.array(list(answers.teacher), pa.list_(pa.float32())),
            "student_logits": pa.array(list(answers.student), pa.list_(pa.float32())),
        }
    )
    about = json.dumps(
        {
            "trial": answers.trial,
            "labels": answers.names,
            "teacher_thresholds": answers.by_teacher.named(answers.names),
            "student_thresholds": answers.by_student.named(answers.names),
        },
        ensure_ascii=False,
    )
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table.replace_schema_metadata({ABOUT: about}), stream)
    place.write_bytes(stream.getvalue())


def _label_columns(answers: Answers) -> dict[str, Any]:
    """The labels as a column; of several a text, a list of those that it has and one of the unknown ones."""
    if not answers.is_multi_label:
        return {"label": [answers.names[label] for label in answers.labels]}
    of_names = pa.list_(pa.string())
    return {
        name: pa.array([[answers.names[i] for i in np.flatnonzero(row == sign)] for row in answers.labels], of_names)
        for name, sign in (("labels", 1), ("unknown_labels", UNLABELLED))
    }


def _labels_in(table: pa.Table, index: dict[str, int]) -> NDArray[np.integer[Any]]:
    if "label" in table.column_names:
        return np.array([index[name] for name in table["label"].to_pylist()], dtype=np.int64)
    labels = np.zeros((table.num_rows, len(index)), dtype=np.int8)
    for name, sign in (("labels", 1), ("unknown_labels", UNLABELLED)):
        for row, names in enumerate(table[name].to_pylist()):
            labels[row, [index[one] for one in names]] = sign
    return labels


def read_answers(place: Place) -> Answers:
    """Read what `write_answers` wrote; raises FileNotFoundError, and DamagedError for anything else."""
    with reading(place, "report and compare draw without it where it is moved away"):
        return _parsed(place)


def _parsed(place: Place) -> Answers:
    table = pyarrow.parquet.read_table(pa.BufferReader(place.read_bytes()))
    about = json.loads(table.schema.metadata[ABOUT])
    names: tuple[str, ...] = tuple(about["labels"])
    index = {name: i for i, name in enumerate(names)}
    labels = _labels_in(table, index)
    teacher, student = (
        np.array(table[f"{who}_logits"].to_pylist(), dtype=np.float32) for who in ("teacher", "student")
    )
    if not teacher.shape == student.shape == (len(labels), len(names)) or not len(labels):
        raise ValueError(
            f"its logits are {teacher.shape} and {student.shape} for {n_of(len(labels), 'text')} and {len(names)} labels"
        )
    if not np.isfinite(teacher).all() or not np.isfinite(student).all():
        raise ValueError("its logits are no finite numbers")
    columns = [table[name].to_pylist() for name in ("text", "text_b") if name in table.column_names]
    if not all(isinstance(one, str) for one in (*names, *itertools.chain(*columns))) or not isinstance(
        about["trial"], int
    ):
        raise ValueError("its texts and names are no texts")
    texts = tuple(map(MARK.join, zip(*columns, strict=True)))
    return Answers(
        trial=about["trial"],
        names=names,
        texts=texts,
        labels=labels,
        teacher=teacher,
        student=student,
        by_teacher=decision_of(about.get("teacher_thresholds", {}), names, labels.ndim == 2),
        by_student=decision_of(about.get("student_thresholds", {}), names, labels.ndim == 2),
    )


@dataclass(frozen=True)
class Reliability:
    """How sure a model is, and how often it is right then: of each bin of confidence that has texts, their number, their
    mean confidence and their accuracy; and the expected calibration error over all."""

    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    error: float


def reliability(logits: Logits, labels: NDArray[np.int64]) -> Reliability:
    """The calibration of a model in ten bins of equal width (Guo et al. 2017).

    The error is the mean over texts of the distance between a bin's accuracy and its confidence.
    """
    found = probabilities(logits)
    confidence, is_right = found.max(axis=1), found.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    sure = np.bincount(bins, confidence, BINS)[filled] / counts[filled]
    right = np.bincount(bins, is_right, BINS)[filled] / counts[filled]
    error = float((counts[filled] * np.abs(right - sure)).sum() / len(labels))
    return Reliability(counts[filled], sure, right, error)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test text that is worth reading: what it is labelled, and each model's answer with its probability."""

    text: str
    label: str
    teacher: str
    teacher_probability: float
    student: str
    student_probability: float


def disagreements(answers: Answers, n: int) -> list[Case]:
    """The texts of which the two say different things, the widest apart first (total variation of their probabilities)."""
    teacher, student = probabilities(answers.teacher), probabilities(answers.student)
    apart = np.abs(teacher - student).sum(axis=1) / 2
    differ = answers.of_teacher != answers.of_student
    return _cases(answers, [row for row in np.argsort(-apart, kind="stable") if differ[row]][:n])


def both_wrong(answers: Answers, n: int) -> list[Case]:
    """The texts on which both agree and the label differs, sorted by the confidence of the less confident one."""
    teacher, student = probabilities(answers.teacher), probabilities(answers.student)
    said = answers.of_student
    wrong = (said == answers.of_teacher) & (said != answers.labels)
    rows = np.arange(len(said))
    sure = np.minimum(teacher[rows, said], student[rows, said])
    return _cases(answers, [row for row in np.argsort(-sure, kind="stable") if wrong[row]][:n])


def _cases(answers: Answers, rows: Sequence[int]) -> list[Case]:
    teacher, student = probabilities(answers.teacher), probabilities(answers.student)
    by_teacher, by_student = answers.of_teacher, answers.of_student
    return [
        Case(
            text=answers.texts[row],
            label=answers.names[answers.labels[row]],
            teacher=answers.names[by_teacher[row]],
            teacher_probability=float(teacher[row, by_teacher[row]]),
            student=answers.names[by_student[row]],
            student_probability=float(student[row, by_student[row]]),
        )
        for row in rows
    ]


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
