from __future__ import annotations

from dataclasses import replace

import pytest

from distune.tuning.tracking.promotion import candidate_of, wins
from tests.making.candidates import FAST, GOOD


def test_a_candidate_is_read_back_from_its_tags() -> None:
    for one in (FAST, GOOD):
        assert candidate_of({**one.tags(), "other": "tag"}) == one
    assert candidate_of({"other": "tag"}) is None


def test_the_faster_wins_where_the_rule_is_for_speed() -> None:
    # The machine may be another one: what counts is the ratio to the teacher in the same run.
    faster = replace(FAST, dev_accuracy=0.79, p50_ms=0.2, speedup=60.0)
    assert wins(faster, FAST) == (True, "60.0 against 50.0 times as fast as the teacher")
    assert wins(FAST, faster)[0] is False


def test_the_more_accurate_wins_where_the_rule_is_for_accuracy() -> None:
    better = replace(GOOD, dev_accuracy=0.81, speedup=10.0)
    assert wins(better, GOOD) == (True, "dev accuracy 0.8100 against 0.8000")
    assert wins(GOOD, better)[0] is False
    assert wins(GOOD, GOOD)[0] is False
    # The mean of three seeds may differ in its last digit alone.
    assert wins(replace(GOOD, dev_accuracy=0.8000000000000002), GOOD)[0] is False


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("corpus", "another corpus"),
        ("teacher", "another teacher"),
        ("rule", "another rule"),
        ("answers", "other labels of dev or test"),
    ],
)
def test_what_was_chosen_otherwise_is_not_compared(name: str, by: str) -> None:
    other = replace(GOOD, dev_accuracy=0.99, **{name: "other"})
    assert wins(other, GOOD) == (False, f"it was chosen by {by}")


def test_of_a_version_whose_labels_were_not_kept_nothing_is_known() -> None:
    tags = {name: value for name, value in GOOD.tags().items() if name != "distune.answers"}
    assert candidate_of(tags) is None
    assert wins(replace(GOOD, dev_accuracy=0.99), candidate_of(tags)) == (False, "how it was chosen is not known")


def test_without_a_teacher_to_time_speeds_are_not_compared() -> None:
    assert wins(replace(FAST, speedup=0.0), FAST) == (False, "there was no teacher to time them against")


def test_a_champion_that_somebody_else_registered_stays() -> None:
    assert wins(FAST, None) == (False, "how it was chosen is not known")
