"""What a search has found, in a sentence: the headline of its page, its MLflow run and its champion's card."""

from __future__ import annotations

from collections.abc import Sequence

from distune.tuning.champion.table import Column
from distune.tuning.study.rule import teacher_ratio


def outcome(columns: Sequence[Column], *, meets_rule: bool = True, stands_in: bool = False) -> str:
    """How much of the teacher a student keeps, how fast and how large it is; `columns` are those of the table, and `stands_in` says
    that a model of the teacher's shape was timed for it.

    Without a teacher's time there is no word of how much faster it is, and where the teacher is never right its accuracy stands
    instead of what is kept.
    """
    teacher, _, student = columns
    accuracy = student.quality.dev_accuracy.mean
    kept = teacher_ratio(accuracy, teacher.quality.dev_accuracy.mean)
    found = f"has dev accuracy {accuracy:.3f}" if kept is None else f"keeps {kept:.1%} of the teacher's dev accuracy"
    costs = [f"{student.latency.p50_ms:.3f} ms"] if student.latency else []
    costs += [f"{student.size_mb:.1f} MB"] if student.size_mb is not None else []
    found += f" at {' and '.join(costs)}" if costs else ""
    if student.latency and teacher.latency:
        times = teacher.latency.p50_ms / student.latency.p50_ms
        found += f": {times:,.0f} times as fast" if times >= 10 else f": {times:.1f} times as fast"
        found += " as a model of the teacher's shape" if stands_in else ""
    return f"{found[0].upper()}{found[1:]}" if meets_rule else f"No student meets the rule; the nearest {found}"
