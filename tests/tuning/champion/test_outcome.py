from __future__ import annotations

from dataclasses import replace

from distune.tuning.champion.columns import Column, Spread
from distune.tuning.champion.outcome import outcome
from distune.tuning.speed.figures import Latency
from tests.making.columns import quality_of


def column(name: str, test_accuracy: float, p50_ms: float | None, size_mb: float | None) -> Column:
    latency = p50_ms and Latency(p50_ms=p50_ms, p95_ms=9.0, p99_ms=9.0, texts_per_s=1.0, stages_ms={})
    quality = quality_of(Spread(0.5, 0.0), Spread(test_accuracy, 0.0), Spread(0.5, 0.0))
    return Column(name=name, quality=quality, n_parameters=1, size_mb=size_mb, latency=latency or None)


TEACHER = column("teacher", 0.84, 6.0, 17.2)
ALONE = column("student alone", 0.7, 0.015, 6.5)
STUDENT = column("distilled champion", 0.819, 0.015, 6.53)


def test_the_outcome_says_what_is_kept_and_at_which_cost() -> None:
    found = outcome((TEACHER, ALONE, STUDENT))
    assert found == "Keeps 97.5 % of the teacher at 0.015 ms and 6.5 MB: 400 times as fast"
    slow = replace(TEACHER, latency=column("teacher", 0.84, 0.033, None).latency)
    assert outcome((slow, ALONE, STUDENT)).endswith("6.5 MB: 2.2 times as fast")
    slower = replace(TEACHER, latency=column("teacher", 0.84, 0.01, None).latency)
    assert outcome((slower, ALONE, STUDENT)).endswith("6.5 MB: slower than the teacher, which takes 0.010 ms")


def test_a_student_that_is_better_than_its_teacher_keeps_all_of_it() -> None:
    assert outcome((TEACHER, ALONE, column("x", 0.882, None, None))) == "Keeps all of the teacher (105.0 %)"


def test_a_teacher_without_a_time_or_without_a_right_answer_is_compared_with_nothing() -> None:
    untimed, never_right = column("teacher", 0.84, None, None), column("teacher", 0.0, None, None)
    assert outcome((untimed, ALONE, STUDENT)).endswith(" at 0.015 ms and 6.5 MB; the teacher was not timed")
    assert outcome((never_right, ALONE, column("x", 0.819, None, None))) == "Reaches test accuracy 0.819"


def test_where_the_rule_is_missed_the_outcome_says_so_first() -> None:
    found = outcome((TEACHER, ALONE, STUDENT), meets_rule=False)
    assert found.startswith("No student meets the rule: the nearest keeps 97.5 % of the teacher")


def test_a_model_that_was_timed_in_the_teachers_place_is_named() -> None:
    found = outcome((TEACHER, ALONE, STUDENT), teacher_timed="stand-in")
    assert found.endswith("400 times as fast as a model of the teacher's architecture")
