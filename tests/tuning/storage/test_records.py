from __future__ import annotations

from distune.tuning.storage.records import State, TrialRecord, count_states, pareto_front
from distune.tuning.trial.config import TrialConfig

CONFIG = TrialConfig.model_validate({"student": {"kind": "average"}})


def record(number: int, accuracy: float | None, latency_ms: float | None, state: State = "complete") -> TrialRecord:
    return TrialRecord(number=number, state=state, config=CONFIG, score=accuracy, latency_ms=latency_ms)


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    records = [
        record(0, 0.90, 1.0),  # the most accurate
        record(1, 0.85, 0.5),  # less accurate, faster
        record(2, 0.84, 0.6),  # beaten by 1 in both
        record(3, 0.90, 1.2),  # as accurate as 0, slower
        record(4, 0.70, 0.2),  # the fastest
        record(5, 0.99, 0.1, "pruned"),
        record(6, None, None, "failed"),
    ]
    assert [one.number for one in pareto_front(records)] == [0, 1, 4]


def test_states_are_counted() -> None:
    records = [
        record(0, 0.5, 1.0),
        record(1, 0.5, 1.0),
        record(2, None, None, "failed"),
        record(3, None, None, "running"),
    ]
    assert count_states(records) == {
        "running": 1,
        "complete": 2,
        "pruned": 0,
        "infeasible": 0,
        "failed": 1,
        "skipped": 0,
    }
