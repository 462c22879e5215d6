from __future__ import annotations

from dataclasses import replace

import pytest

from distune.tuning.tracking.promotion import Beside, candidate_of, wins
from tests.making.candidates import FAST, GOOD


def test_a_candidate_is_read_back_from_its_tags() -> None:
    for one in (FAST, GOOD):
        assert candidate_of({**one.tags(), "other": "tag"}) == one
    assert candidate_of({"other": "tag"}) is None


def test_the_faster_wins_where_the_rule_is_for_speed() -> None:
    # The machine may be another one: what counts is the ratio to the teacher in the same run.
    faster = replace(FAST, dev_score=0.79, p50_ms=0.2, speedup=60.0)
    assert wins(faster, FAST) == (True, "60.0 against 50.0 times as fast as the teacher")
    assert wins(FAST, faster)[0] is False


def test_the_more_accurate_wins_where_the_rule_is_for_accuracy() -> None:
    better = replace(GOOD, dev_score=0.81, speedup=10.0)
    assert wins(better, GOOD) == (True, "dev score 0.8100 against 0.8000")
    assert wins(GOOD, better)[0] is False
    assert wins(GOOD, GOOD)[0] is False
    # The mean of three seeds may differ in its last digit alone.
    assert wins(replace(GOOD, dev_score=0.8000000000000002), GOOD)[0] is False


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
    other = replace(GOOD, dev_score=0.99, **{name: "other"})
    assert wins(other, GOOD) == (False, f"it was chosen by {by}")


def test_of_a_version_whose_labels_were_not_kept_nothing_is_known() -> None:
    tags = {name: value for name, value in GOOD.tags().items() if name != "distune.answers"}
    assert candidate_of(tags) is None
    assert wins(replace(GOOD, dev_score=0.99), candidate_of(tags)) == (False, "how it was chosen is not known")


def test_without_a_teacher_to_time_speeds_are_not_compared() -> None:
    assert wins(replace(FAST, speedup=0.0), FAST) == (False, "there was no teacher to time them against")


def test_a_champion_that_somebody_else_registered_stays() -> None:
    assert wins(FAST, None) == (False, "how it was chosen is not known")


def beside(p50_ms: float | None, fault: str = "") -> Beside:
    """The present champion, timed in the run of a candidate; the rule may allow 0.5 ms."""
    return Beside(version="1", p50_ms=p50_ms, max_latency_ms=0.5, fault=fault)


def test_timed_in_one_run_the_faster_wins_whatever_the_teacher_is() -> None:
    # Its logits came as a file: there was never a teacher to be timed, and the run of the old one was on another machine.
    new, old = replace(FAST, p50_ms=0.2, speedup=None), replace(FAST, p50_ms=0.1, speedup=None)
    assert wins(new, old, beside(0.3)) == (True, "p50 0.200 ms against 0.300 ms, timed in one run")
    assert wins(new, old, beside(0.2))[0] is False
    assert wins(replace(new, speedup=60.0), FAST, beside(0.1)) == (
        False,
        "p50 0.200 ms against 0.100 ms, timed in one run",
    )


def test_timed_in_one_run_the_more_accurate_wins_of_those_that_the_rule_allows() -> None:
    assert wins(replace(GOOD, dev_score=0.79), GOOD, beside(0.5))[0] is False
    assert wins(replace(GOOD, dev_score=0.81), GOOD, beside(0.5)) == (True, "dev score 0.8100 against 0.8000")
    said = "in one run with this one it takes 0.600 ms, of the 0.5 ms that the rule allows"
    assert wins(replace(GOOD, dev_score=0.79), GOOD, beside(0.6)) == (True, said)


def test_a_champion_that_does_not_run_any_longer_stays_and_it_is_said_why() -> None:
    for new, old in ((FAST, FAST), (replace(GOOD, dev_score=0.99), GOOD)):
        said = "it could not be timed beside this one: labels.json is damaged"
        assert wins(new, old, beside(None, "labels.json is damaged")) == (False, said)


def test_what_was_chosen_otherwise_is_not_compared_by_one_run_either() -> None:
    assert wins(replace(FAST, teacher="other"), FAST, beside(9.0)) == (False, "it was chosen by another teacher")


def test_no_speedup_is_kept_where_no_teacher_was_timed() -> None:
    untimed = replace(FAST, speedup=None)
    assert "distune.speedup" not in untimed.tags()
    assert candidate_of(untimed.tags()) == untimed
    assert candidate_of({**untimed.tags(), "distune.speedup": "0.0"}) == untimed  # as an earlier version wrote it
