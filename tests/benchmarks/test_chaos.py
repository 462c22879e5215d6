"""A search under fire, once; `python -m benchmarks.cluster.chaos` does so for twenty seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster.chaos import N_TRIALS, run_chaos

pytestmark = pytest.mark.long


def test_nothing_is_lost_or_doubled_when_a_worker_a_node_and_the_driver_are_killed(tmp_path: Path) -> None:
    outcome = run_chaos(100, tmp_path)
    assert outcome.faults == ()
    assert outcome.attempts > N_TRIALS
