"""The result of a search, in a sentence: the headline of its page, of its MLflow run and of its champion's card."""

from __future__ import annotations

from collections.abc import Sequence

from distune.tuning.champion.columns import Column
from distune.tuning.champion.table import in_mb
from distune.tuning.speed.figures import TeacherTimed
from distune.tuning.study.rule import teacher_ratio


def outcome(
    columns: Sequence[Column], *, meets_rule: bool = True, teacher_timed: TeacherTimed | None = "itself"
) -> str:
    """How much of the teacher a student keeps, how fast and how large it is; `columns` are those of the table.

    The scores are of the test split, by which nothing was chosen. If there is nothing of the teacher's to keep, the
    student's own score is given.
    """
    found = f"{_kept(columns)}{_cost(columns, teacher_timed)}"
    return f"{found[0].upper()}{found[1:]}" if meets_rule else f"No student meets the rule: the nearest {found}"


def _kept(columns: Sequence[Column]) -> str:
    teacher, student = columns[0].quality.test_score.mean, columns[-1].quality.test_score.mean
    kept = teacher_ratio(student, teacher)
    if kept is None:
        return f"reaches test {columns[-1].quality.metric.title} {student:.3f}"
    of = "the teacher" if columns[0].quality.metric.is_accuracy else f"the teacher's {columns[0].quality.metric.title}"
    return (
        f"keeps {'all' if kept >= 1 else f'{100 * kept:.1f} %'} of {of}{f' ({100 * kept:.1f} %)' if kept >= 1 else ''}"
    )


def _cost(columns: Sequence[Column], teacher_timed: TeacherTimed | None) -> str:
    teacher, student = columns[0], columns[-1]
    size = "" if student.size_mb is None else f"{in_mb(student.size_mb)} MB"
    if student.latency is None:
        return f" at {size}" if size else ""
    cost = f" at {student.latency.p50_ms:.3f} ms{f' and {size}' if size else ''}"
    if teacher.latency is None:
        return f"{cost}; the teacher was not timed"
    stands_in = teacher_timed == "stand-in"
    who = "a model of the teacher's architecture" if stands_in else "the teacher"
    times = teacher.latency.p50_ms / student.latency.p50_ms
    if times < 1:
        return f"{cost}: slower than {who}, which takes {teacher.latency.p50_ms:.3f} ms"
    faster = f"{times:,.0f}" if times >= 10 else f"{times:.1f}"
    return f"{cost}: {faster} times as fast{f' as {who}' if stands_in else ''}"
