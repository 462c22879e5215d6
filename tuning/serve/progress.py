"""How far a prediction is, on a terminal: texts, texts a second, and the time that is left."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_of(total: int | None) -> Iterator[Callable[[int, int], object]]:
    """A function that shows on stderr how many more texts were answered and how much of `total` lies behind. It needs a terminal
    as stderr and the package rich; without them it shows nothing."""
    if not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        yield lambda n_texts, n_behind: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    counts = TextColumn("{task.fields[n_texts]:,} texts, {task.fields[pace]:,.0f} a second")
    known = [TimeElapsedColumn()] if total is None else [BarColumn(), TimeRemainingColumn(elapsed_when_finished=True)]
    with Progress(counts, *known, console=Console(stderr=True)) as progress:
        task, n_done = progress.add_task("", total=total, n_texts=0, pace=0.0), 0

        def after(n_texts: int, n_behind: int) -> None:
            nonlocal n_done
            n_done += n_texts
            elapsed = progress.tasks[0].elapsed or 1e-9
            done = None if total is None else n_behind
            progress.update(task, completed=done, n_texts=n_done, pace=n_done / elapsed)

        yield after
