"""A champion rule that a student keeps which answers no label of any text."""

from __future__ import annotations

from typing import Any

import numpy as np

from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.task import task_of
from distune.tuning.study.rule import ChampionConfig
from distune.tuning.teachers.no_label import about_no_label

LABELS = ("late", "price")
TRUE = np.array([[0, 0], [0, 0], [0, 0], [1, 0]])


def told(kind: str, teacher: list[list[float]], ratio: float | None = 0.9, **rule: Any) -> list[str]:
    metric = task_of(True).metric(MetricConfig(kind=kind), LABELS, {"dev": TRUE})  # type: ignore[arg-type]
    return about_no_label(ChampionConfig(min_teacher_ratio=ratio, **rule), TRUE, np.array(teacher), metric)


def test_three_texts_of_four_without_a_label_are_enough_for_nine_tenths_of_a_weak_teacher() -> None:
    # The teacher is right on all labels of three of four texts, and so is no answer at all: 0.75 >= 0.9 * 0.75.
    assert told("exact_match", [[1, -1], [-1, -1], [-1, -1], [1, -1]]) == [
        "champion.min_teacher_ratio: a student that answers no label of any text meets it: its dev exact match is 0.7500, and 90 % of the "
        "teacher's 0.7500 is enough; raise the ratio, or set metric to micro_f1 or macro_f1"
    ]


def test_a_rule_that_no_answer_does_not_meet_is_not_told() -> None:
    # 0.75 < 0.9 * 1.
    assert told("exact_match", [[-1, -1], [-1, -1], [-1, -1], [1, -1]]) == []
    assert told("micro_f1", [[1, -1], [-1, -1], [-1, -1], [1, -1]]) == []
    assert told("exact_match", [[1, -1], [-1, -1], [-1, -1], [1, -1]], None, max_latency_ms=1.0) == []
