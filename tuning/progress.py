"""The live line of a search: trials done, running and pruned, the best so far, the time left."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tuning.records import TrialRecord

PLAIN_EVERY_S = 15.0


class LiveLine:
    """An observer that keeps one line of the terminal up to date; where there is no terminal, it prints lines."""

    def __init__(self, n_trials: int, console: Console) -> None:
        self._n_trials = n_trials
        self._console = console
        self._records: dict[int, TrialRecord] = {}
        self._started_s = time.monotonic()
        self._printed_s = 0.0
        self._n_before = 0
        self._live = Live(get_renderable=self._line, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveLine:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
        self._console.print(self._line())

    def known(self, records: list[TrialRecord]) -> None:
        """Count the trials that a search had finished before it was resumed."""
        self._records = {record.number: record for record in records if record.state != "running"}
        self._n_before = len(self._records)

    def started(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self._print_sometimes()

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        self._print_sometimes()

    def ended(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        if record.state == "failed" and record.error:
            self._console.print(f"trial {record.number} failed: {record.cause}", markup=False, soft_wrap=True)
        self._print_sometimes()

    def _print_sometimes(self) -> None:
        if not self._console.is_terminal and time.monotonic() - self._printed_s > PLAIN_EVERY_S:
            self._printed_s = time.monotonic()
            self._console.print(self._line())

    def _line(self) -> Text:
        states = [record.state for record in self._records.values()]
        n_running = states.count("running")
        n_done = len(states) - n_running
        parts = [f"trials {n_done}/{self._n_trials} done, {n_running} running, {states.count('pruned')} pruned"]
        parts += [f"{n} {state}" for state in ("infeasible", "failed") if (n := states.count(state))]
        accurate = [record for record in self._records.values() if record.accuracy is not None]
        if accurate:
            best = max(accurate, key=lambda record: record.accuracy or 0.0)
            parts.append(
                f"best dev accuracy {best.accuracy:.4f} ({best.config.student.kind}, {best.latency_ms:.2f} ms)"
            )
        n_new = n_done - self._n_before
        if n_new and n_done < self._n_trials:
            left_s = (time.monotonic() - self._started_s) / n_new * (self._n_trials - n_done)
            parts.append(f"about {_duration(left_s)} left")
        return Text(" | ".join(parts))


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
