"""A search that trains nothing: trials take the core-seconds that a recording of them took.

A search asks for configurations of the table and stops trials by their recorded figures, asynchronously, on some workers. The
clock holds the recorded core-seconds of training, of the looks that this search takes (dev at each end of an epoch, as a trial
does; at other rungs dev, or the held-back texts if the signal is of them), of compression after the last epoch, and of the
hint of an architecture that was not seen before. The driver answers one question at a time, each in `driver_s`. Workers that
wait for it, or for the last trial, are paid for: core-seconds are the clock's times the workers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.table import SMALLER_IS_BETTER, Floats, Table

OF_DEV = ("score", "dev_ce")
State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of each configuration, of those that the table has of it: what a single search can meet."""

    table: Table
    curves: dict[str, Floats]
    """`[configurations, looks]` by name."""
    end_score: Floats
    after_s: Floats
    hint_s: Floats

    @property
    def is_rival(self) -> NDArray[np.bool_]:
        """`[configurations]`: those that can be chosen, which are distilled and came to an end."""
        return ~self.table.is_plain & ~np.isnan(self.end_score)


def draw_run(table: Table, rng: np.random.Generator) -> Run:
    seeds, rows = rng.integers(table.n_seeds, size=len(table)), np.arange(len(table))
    return Run(
        table=table,
        curves={name: curve[rows, seeds] for name, curve in table.curves.items()},
        end_score=table.end_score[rows, seeds],
        after_s=table.after_s[rows, seeds],
        hint_s=table.hint_s[rows, seeds],
    )


def one_run(table: Table, seed: int) -> Run:
    """The trainings of one of the table's seeds."""
    return Run(
        table=table,
        curves={name: curve[:, seed] for name, curve in table.curves.items()},
        end_score=table.end_score[:, seed],
        after_s=table.after_s[:, seed],
        hint_s=table.hint_s[:, seed],
    )


class Proposer(Protocol):
    """Asked for the configuration of the next trial."""

    def propose(self) -> int | None:
        """A configuration that was not tried yet; None when there is no further trial."""

    def ended(self, number: int, state: State) -> None:
        """A trial has ended. Its score may be looked up in the run if it is complete."""


class Stopper(Protocol):
    """Asked at some looks whether a trial ends there."""

    looks: tuple[int, ...]
    signal: str

    def stops(self, number: int, look: int, value: float) -> bool:
        """Whether a trial ends with this value of the signal, of which more is better."""


class NeverStops:
    """Every trial comes to its end."""

    looks: tuple[int, ...] = ()
    signal = "score"

    def stops(self, number: int, look: int, value: float) -> bool:
        return False


@dataclass(kw_only=True)
class Trace:
    """What happened, by the clock of the search in seconds."""

    workers: int
    complete: list[tuple[float, int]] = field(default_factory=list)
    pruned: list[tuple[float, int]] = field(default_factory=list)
    failed: list[tuple[float, int]] = field(default_factory=list)
    started: list[tuple[float, int]] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        return max((time for time, _ in (*self.complete, *self.pruned, *self.failed)), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """On what a search runs: so many workers, a driver that takes `driver_s` for each answer, and nothing begun after the horizon."""

    workers: int
    driver_s: float
    horizon_s: float = np.inf


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A search of a name, which is replayed on a run under a seed; `models` says whether it learns from scores, which takes a
    hundred times as long to replay."""

    name: str
    replay: Callable[[Run, int, Pace], Trace]
    models: bool = False


def contender(name: str, begin: Callable[[Run, int], tuple[Proposer, Stopper]], models: bool = False) -> Contender:
    """One that proposes and stops trials."""

    def replay(run: Run, seed: int, pace: Pace) -> Trace:
        proposer, stopper = begin(run, seed)
        return simulate(run, proposer, stopper, pace)

    return Contender(name=name, replay=replay, models=models)


def stage_times(run: Run, stopper: Stopper) -> Floats:
    """Seconds `[configurations, looks of the stopper and the end]` from the start of a training without its hint."""
    ends, curves = run.table.ends_of_epochs, run.curves
    paid = np.zeros_like(curves["train_s"])
    paid[:, ends] += curves["dev_s"][:, ends]
    rungs = np.array(stopper.looks, dtype=np.int64)
    if stopper.signal not in OF_DEV:
        paid[:, rungs] += curves["held_s"][:, rungs]
    else:
        between = np.setdiff1d(rungs, ends)
        paid[:, between] += curves["dev_s"][:, between]
    spent = curves["train_s"] + np.cumsum(paid, axis=1)
    ended = np.where(np.isnan(run.end_score), np.nan, spent[:, -1] + run.after_s)
    return np.concatenate([spent[:, rungs], ended[:, None]], axis=1)


def lost_after(run: Run) -> Floats:
    """Seconds `[configurations]` after which a training that fails does so; infinite for all others."""
    train, last = run.curves["train_s"], np.zeros(len(run.table))
    seen = ~np.isnan(train)
    n_seen = seen.sum(axis=1)
    has = n_seen > 0
    last[has] = train[has, n_seen[has] - 1]
    return np.where(np.isnan(run.end_score), last + run.after_s, np.inf)


def signal_of(run: Run, name: str) -> Floats:
    """A curve `[configurations, looks]` of which more is better."""
    return -run.curves[name] if name in SMALLER_IS_BETTER else run.curves[name]


def simulate(run: Run, proposer: Proposer, stopper: Stopper, pace: Pace) -> Trace:
    """Replay a search until it has no further trial."""
    trace, times, lost = Trace(workers=pace.workers), stage_times(run, stopper), lost_after(run)
    signal, looks, n_looks = signal_of(run, stopper.signal), stopper.looks, len(stopper.looks)
    events: list[tuple[float, int, int, int]] = []
    hinted: set[int] = set()
    driver_free_s, is_over, order = 0.0, False, 0

    def heard(now_s: float) -> float:
        nonlocal driver_free_s
        driver_free_s = max(driver_free_s, now_s) + pace.driver_s
        return driver_free_s

    def begin(now_s: float) -> None:
        nonlocal is_over, order
        if is_over or now_s >= pace.horizon_s:
            return
        start_s = heard(now_s)
        number = proposer.propose()
        if number is None:
            is_over = True
            return
        trace.started.append((start_s, number))
        if run.table.architecture[number] not in hinted:
            hinted.add(int(run.table.architecture[number]))
            start_s += run.hint_s[number]
        follow(start_s, number, 0)

    def follow(base_s: float, number: int, stage: int) -> None:
        """Wait for a stage of a trial: `base_s` is when it would have begun without pauses."""
        nonlocal order
        order += 1
        due = times[number, stage]
        if np.isnan(due):
            due, stage = max(lost[number], times[number, stage - 1] if stage else 0.0), n_looks + 1
        heapq.heappush(events, (base_s + float(due), order, number, stage))

    for _ in range(pace.workers):
        begin(0.0)
    while events:
        now_s, _, number, stage = heapq.heappop(events)
        heard_s = heard(now_s)
        if stage < n_looks and not stopper.stops(number, looks[stage], float(signal[number, looks[stage]])):
            follow(heard_s - float(times[number, stage]), number, stage + 1)
            continue
        state: State = "pruned" if stage < n_looks else "complete" if stage == n_looks else "failed"
        kept = {"pruned": trace.pruned, "complete": trace.complete, "failed": trace.failed}[state]
        kept.append((heard_s, number))
        proposer.ended(number, state)
        begin(heard_s)
    return trace
