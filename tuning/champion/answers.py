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

ABOUT = b"distune"
ADVICE = "report and compare draw without it where it is moved away"
Floats = NDArray[np.floating[Any]]
Logits = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The label of each test text `[texts]`, an index into `names`, and the logits `[texts, classes]` of teacher and
    student, the student's as it is served. If a text has several labels, they are `[texts, labels]` as in `Split`, and so
    are the answers."""

    trial: int
    """The trial whose best seed the student is."""
    names: tuple[str, ...]
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
        """The answered class of each text `[texts]`, or 1 for each answered label `[texts, labels]`."""
        return self.by_teacher.of_logits(self.teacher)

    @property
    def of_student(self) -> NDArray[np.int64]:
        """The answered class of each text `[texts]`, or 1 for each answered label `[texts, labels]`."""
        return self.by_student.of_logits(self.student)

    @property
    def probabilities_of_teacher(self) -> Floats:
        """`[texts, classes]`."""
        return self.by_teacher.probabilities(self.teacher.astype(np.float64))

    @property
    def probabilities_of_student(self) -> Floats:
        """`[texts, classes]`."""
        return self.by_student.probabilities(self.student.astype(np.float64))


def write_answers(answers: Answers, texts: Sequence[str], place: Place) -> None:
    """Write them with the texts that they answer as a Parquet file: `text` (of pairs, `text_b` too), `label`, `teacher_logits`, `student_logits`.

    Several labels a text are the lists `labels` and `unknown_labels`.
    """
    columns = zip(*map(sides, texts), strict=True)
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
            "teacher_thresholds": answers.by_teacher.stored(answers.names),
            "student_thresholds": answers.by_student.stored(answers.names),
            "student_temperature": answers.by_student.temperature,
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
    """Read what `write_answers` wrote, without the texts; raises FileNotFoundError, and DamagedError for anything else."""
    with reading(place, ADVICE):
        return _parsed(_table(place))


def read_texts(place: Place) -> tuple[str, ...]:
    """The texts that `write_answers` wrote, in the order of the answers; raises the same errors as `read_answers`."""
    with reading(place, ADVICE):
        table = _table(place)
        columns = [table[name].to_pylist() for name in ("text", "text_b") if name in table.column_names]
        if not columns or not all(isinstance(one, str) for one in itertools.chain(*columns)):
            raise ValueError("its texts are no texts")
        return tuple(map(MARK.join, zip(*columns, strict=True)))


def _table(place: Place) -> pa.Table:
    return pyarrow.parquet.read_table(pa.BufferReader(place.read_bytes()))


def _parsed(table: pa.Table) -> Answers:
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
    if not all(isinstance(one, str) for one in names) or not isinstance(about["trial"], int):
        raise ValueError("its names are no texts")
    return Answers(
        trial=about["trial"],
        names=names,
        labels=labels,
        teacher=teacher,
        student=student,
        by_teacher=decision_of(about.get("teacher_thresholds", {}), names, labels.ndim == 2),
        by_student=decision_of(
            about.get("student_thresholds", {}), names, labels.ndim == 2, about.get("student_temperature", 1.0)
        ),
    )
