"""The settings of a study's spaces that its corpus does not fit, found before a teacher is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import values_at
from distune.tuning.study.space import Space
from distune.tuning.trial.config import TrialConfig


def refuse_what_corpus_lacks(study: Study, labels: Sequence[str], only: TrialConfig | None = None) -> None:
    """Raise StudyError if trials, or students that are a teacher, want of a corpus with these labels what it does not have.

    With `only`, this one trial counts in place of the space of trials.
    """
    classes: list[tuple[Any, ...]] = []
    if only is not None:
        classes.append(("trial", [only.loss.class_weights], [only.student.pair], [only.student.overlap]))
    for path, space in _spaces(study, with_trials=only is None):
        wanted = (values_at(space, name) for name in ("loss.class_weights", "student.pair", "student.overlap"))
        classes.append((path, *wanted))
    for path, weights, pairs, overlaps in classes:
        for one in weights:
            _refuse_unknown_classes(f"{path}.loss.class_weights", one, labels)
        for kind in pairs:
            _refuse_pair_of_no_texts(f"{path}.student.pair", kind, kind != "joined", study)
        for overlap in overlaps:
            _refuse_pair_of_no_texts(f"{path}.student.overlap", str(overlap).lower(), bool(overlap), study)
    _refuse_useless_spreads(study, only)


def _spaces(study: Study, with_trials: bool) -> Iterator[tuple[str, Space]]:
    """The space of trials, and those of students that are a teacher and have one of their own."""
    if with_trials:
        yield "trial", study.space
    for number, settings in enumerate(study.config.teachers):
        if settings.students and settings.students.trial:
            path = f"more_teachers.{number - 1}" if number else "teacher"
            yield f"{path}.students.trial", study.config.space_of(settings.students, path)


def _refuse_unknown_classes(path: str, weights: object, labels: Sequence[str]) -> None:
    """Raise StudyError if the weights of classes name a label that the corpus does not have."""
    for name in weights if isinstance(weights, dict) else ():
        if str(name) not in labels:
            shown = ", ".join(map(repr, labels[:20])) + (", ..." if len(labels) > 20 else "")
            raise StudyError(f"{path}: {name!r} is no label of the corpus, whose labels are {shown}")


def _refuse_pair_of_no_texts(path: str, value: object, reads_two: bool, study: Study) -> None:
    """Raise StudyError if students read pairs, and the corpus has none."""
    if study.config.corpus.text_b is None and reads_two:
        raise StudyError(
            f"{path}: {value} reads two texts, and the corpus has one in a row: name the column of the second by "
            f"corpus.text_b, or leave {path.rpartition('.')[2]} out"
        )


def _refuse_useless_spreads(study: Study, only: TrialConfig | None) -> None:
    """Raise StudyError if trials standardise the two logits of each of several labels, which are 1 and -1 then."""
    given = (
        [getattr(only.loss.teacher_term, "standardise", False)]
        if only
        else values_at(study.space, "loss.teacher_term.standardise")
    )
    if study.config.corpus.multi_label and any(given):
        raise StudyError(
            "trial.loss.teacher_term.standardise: with corpus.multi_label each label is a task of two classes, whose standardised "
            "logits are always 1 and -1; leave standardise out"
        )
