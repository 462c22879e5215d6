from __future__ import annotations

import io

from rich.console import Console

from tuning.progress import LiveLine
from tuning.records import State, TrialRecord
from tuning.trial import TrialConfig

CONFIG = TrialConfig.model_validate({"student": {"kind": "average"}})


def record(number: int, state: State, accuracy: float | None = None, error: str | None = None) -> TrialRecord:
    return TrialRecord(number, state, CONFIG, accuracy, 0.25, error=error)


def test_the_line_says_what_is_done_running_and_best() -> None:
    stream = io.StringIO()
    with LiveLine(9, Console(file=stream, width=300)) as line:
        line.known([record(0, "complete", 0.7)])
        line.started(record(1, "running"))
        line.ended(record(1, "pruned", 0.6))
        line.started(record(2, "running"))
        line.ended(record(2, "failed", error="Traceback\n  ...\nFloatingPointError: the loss became nan"))
        line.started(record(3, "running"))
    lines = stream.getvalue().splitlines()
    assert "trial 2 failed: FloatingPointError: the loss became nan" in lines
    last = lines[-1]
    assert "trials 3/9 done, 1 running, 1 pruned | 1 failed" in last
    assert "best dev accuracy 0.7000 (average, 0.25 ms)" in last
    assert "left" in last


def test_a_terminal_shows_one_line_that_changes() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True)
    with LiveLine(2, console) as line:
        line.started(record(0, "running"))
        line.ended(record(0, "complete", 0.75))
    shown = stream.getvalue()
    assert "trials 1/2 done" in shown
    assert shown.count("\n") <= 3
