"""Bars with a count and the time left, for what takes long outside of the trials: a teacher's answers, and trainings of finalists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from distune._plural import n_of

LINE_EVERY_S = 15.0


class FillingView:
    """How far a teacher is with its answers, told before and after each shard: a bar, or a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (BarColumn(60), MofNCompleteColumn(), TextColumn("texts"), TimeRemainingColumn())
        self._bar = Progress(TextColumn("teacher logits"), *columns, console=console, transient=True)
        self._task: TaskID | None = None
        self._started_s = self._printed_s = 0.0
        self._n_before = 0

    def __call__(self, n_done: int, n_texts: int) -> None:
        now = time.monotonic()
        if self._task is None:
            # What an interrupted filling has left counts as done, and not as fast.
            self._task = self._bar.add_task("", total=n_texts, completed=n_done)
            self._started_s, self._n_before = now, n_done
            if self._console.is_terminal:
                self._bar.start()
        self._bar.update(self._task, completed=n_done)
        if n_done == n_texts:
            self._end(n_texts, now)
        elif not self._console.is_terminal and now - self._printed_s > LINE_EVERY_S:
            self._printed_s = now
            left_s = time_left_s(now - self._started_s, n_done - self._n_before, n_texts - self._n_before)
            left = "" if left_s is None else f", about {duration(left_s)} left"
            self._console.print(f"teacher logits: {n_done:,} of {n_of(n_texts, 'text')}{left}", highlight=False)

    def _end(self, n_texts: int, now: float) -> None:
        """The next call is about another cache."""
        if self._console.is_terminal:
            self._bar.stop()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = None
        self._console.print(
            f"teacher logits: {n_of(n_texts, 'text')} in {duration(now - self._started_s)}", highlight=False
        )


class TimeLeftColumn(ProgressColumn):
    """The time left by the pace since the beginning. That of rich goes by the last seconds, and trainings end in bursts."""

    def render(self, task: Task) -> Text:
        left_s = time_left_s(task.elapsed or 0.0, int(task.completed), int(task.total or 0))
        return Text("" if left_s is None else f"about {duration(left_s)} left")


@contextmanager
def counted(console: Console, what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with a count on a terminal, moved by telling it how many of how many are done; elsewhere the lines of the work say it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(60),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeLeftColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda n_done, n_all: bar.update(task, completed=n_done, total=n_all)


def time_left_s(elapsed_s: float, n_done: int, n_trials: int) -> float | None:
    """Seconds to the end at the pace so far; None before the first trial has ended and after the last."""
    return elapsed_s / n_done * (n_trials - n_done) if 0 < n_done < n_trials else None


def duration(seconds: float) -> str:
    """Seconds or minutes, as they are said."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
