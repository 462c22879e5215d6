"""A search as it runs: how far it is, its Pareto front so far, what runs, what failed, the time left."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from distune.tuning.search.bars import LINE_EVERY_S, duration, time_left_s
from distune.tuning.storage.lease import live_driver
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import (
    TrialRecord,
    best_score,
    count_done,
    count_states,
    front_facts,
    pareto_front,
    read_journal,
)
from distune.tuning.storage.searches import state_of
from distune.tuning.study.file import Study

N_FRONT, N_FAILURES = 6, 3


class LiveView:
    """An observer that keeps the view of a search up to date; without a terminal it prints a line now and then."""

    def __init__(self, n_trials: int, console: Console, metric: str = "accuracy") -> None:
        self._n_trials = n_trials
        self._metric = metric
        self._console = console
        self._records: dict[int, TrialRecord] = {}
        self._epochs: dict[int, str] = {}
        self._started_s = time.monotonic()
        self._printed_s = 0.0
        self._n_before = 0
        self._live = Live(get_renderable=self._view, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
            for failure in _failures(list(self._records.values())):
                self._console.print(failure)
            for part in str(self._line()).split(" | "):
                self._console.print(part, highlight=False, markup=False)
        else:
            self._console.print(self._line())

    def known(self, records: list[TrialRecord]) -> None:
        """Count the trials that a search had finished before it was resumed."""
        self._records = {record.number: record for record in records if record.state != "running"}
        self._n_before = len(self._records)

    def started(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self._print_sometimes()

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        self._epochs[number] = f"epoch {epoch} of {self._records[number].config.epochs}, {metrics['score']:.4f}"
        self._print_sometimes()

    def ended(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        if record.state == "failed" and not self._console.is_terminal:
            self._console.print(f"trial {record.number} failed: {record.cause}", markup=False, soft_wrap=True)
        self._print_sometimes()

    def _print_sometimes(self) -> None:
        if not self._console.is_terminal and time.monotonic() - self._printed_s > LINE_EVERY_S:
            self._printed_s = time.monotonic()
            self._console.print(self._line())

    def _left_s(self) -> float | None:
        n_new = count_done(self._records.values()) - self._n_before
        return time_left_s(time.monotonic() - self._started_s, n_new, self._n_trials - self._n_before)

    def _line(self) -> Text:
        return summary(list(self._records.values()), self._n_trials, self._left_s(), self._metric)

    def _view(self) -> RenderableType:
        return view(list(self._records.values()), self._epochs, self._n_trials, self._left_s(), self._metric)


def summary(records: Sequence[TrialRecord], n_trials: int, left_s: float | None, metric: str = "accuracy") -> Text:
    """A search in a line; `metric` is what its scores are called."""
    counts = count_states(records)
    parts = [f"trials {count_done(records)}/{n_trials} done, {counts['running']} running, {counts['pruned']} pruned"]
    parts += [f"{counts[state]} {state}" for state in ("infeasible", "failed", "skipped") if counts[state]]
    accurate = [record for record in records if record.score is not None]
    if accurate:
        best = max(accurate, key=lambda record: record.score or 0.0)
        ended = "" if best.state == "complete" else f", {best.state}"
        parts.append(
            f"best dev {metric} {best.score:.4f} ({best.config.student.kind}, {best.latency_ms:.2f} ms{ended})"
        )
    if left_s is not None:
        parts.append(f"about {duration(left_s)} left")
    return Text(" | ".join(parts))


def view(
    records: Sequence[TrialRecord],
    epochs: Mapping[int, str],
    n_trials: int,
    left_s: float | None,
    metric: str = "accuracy",
) -> RenderableType:
    """A search as a bar, the front so far, what runs and what has failed; `epochs` says how far a running trial is."""
    bar = Table.grid()
    bar.add_row(ProgressBar(n_trials, count_done(records), width=60))
    # Each part on a line of its own: a narrow terminal breaks none of them.
    parts: list[RenderableType] = [bar, *summary(records, n_trials, left_s, metric).split(" | ")]
    front = pareto_front(records)
    if front:
        table = Table(title="the Pareto front so far", title_justify="left")
        for heading in ("trial", f"dev {metric}", "hint ms", "student"):
            table.add_column(heading)
        for record in front[:N_FRONT]:
            cells = (f"{record.score:.4f}", f"{record.latency_ms:.3f}", record.config.student.kind)
            table.add_row(str(record.number), *cells)
        parts.append(table)
    running = [
        f"{record.number} ({epochs[record.number]})" if record.number in epochs else str(record.number)
        for record in records
        if record.state == "running"
    ]
    if running:
        parts.append(Text(f"running: {', '.join(running)}"))
    return Group(*parts, *_failures(records)[-N_FAILURES:])


def _failures(records: Sequence[TrialRecord]) -> list[Text]:
    return [
        Text.from_markup(f"[red]trial {record.number} failed:[/] {escape(record.cause)}")
        for record in records
        if record.state == "failed"
    ]


def show_progress_json(study: Study, folder: Folder, stream: TextIO) -> None:
    """Write how far a search is as one JSON object."""
    records, left_s = _progress(study, folder)
    counts, metric = count_states(records), study.config.metric
    found = {
        "study": study.config.name,
        "folder": str(folder),
        "state": state_of(folder),
        "ended_early": folder.state.get("ended_early"),
        "driver": live_driver(folder.driver),
        "n_trials": study.config.search.trials,
        "n_done": count_done(records),
        "counts": counts,
        f"best_dev_{metric.kind}": best_score(records),
        "front": front_facts(records, metric),
        "running": [one.number for one in records if one.state == "running"],
        "left_s": left_s,
    }
    json.dump(found, stream, ensure_ascii=False, indent=1)
    stream.write("\n")


def show_progress(study: Study, folder: Folder, console: Console) -> None:
    """Print the view of a search that runs elsewhere, from what its storage holds now."""
    records, left_s = _progress(study, folder)
    state = state_of(folder)
    console.print(f"search {folder} ({state})", highlight=False, soft_wrap=True)
    if state == "interrupted":
        console.print(
            "nobody runs it: --resume goes on with it, and runs again the trials that were running", soft_wrap=True
        )
    console.print(view(records, {}, study.config.search.trials, left_s, study.config.metric.title))


def _progress(study: Study, folder: Folder) -> tuple[list[TrialRecord], float | None]:
    """The trials of a search, and the seconds that it will still take at the pace so far; None if nobody runs it."""
    optuna_study, records = read_journal(study.config, folder)
    starts = [trial.datetime_start for trial in optuna_study.get_trials(deepcopy=False) if trial.datetime_start]
    ends = [trial.datetime_complete for trial in optuna_study.get_trials(deepcopy=False) if trial.datetime_complete]
    elapsed_s = (max(ends) - min(starts)).total_seconds() if starts and ends else 0.0
    has_stopped = state_of(folder) in ("ended", "interrupted")
    return records, None if has_stopped else time_left_s(elapsed_s, count_done(records), study.config.search.trials)
