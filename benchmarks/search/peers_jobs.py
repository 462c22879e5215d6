"""Libraries that ask for trainings to a number of epochs, on a table: DEHB and SMAC3. `peers.py` says what they see of it."""

from __future__ import annotations

import functools
import heapq
import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from benchmarks.search.proposers import Nearest
from benchmarks.search.simulator import NeverStops, Pace, Run, Trace, lost_after, stage_times
from benchmarks.search.stoppers import looks_at
from benchmarks.search.table import Floats
from distune.tuning.search.suggest import suggest
from distune.tuning.study.space import Space


class Flat:
    """A space without conditions: every setting has a value, a choice the number of its value as text."""

    def __init__(self, space: Space, nearest: Nearest) -> None:
        self._space, self._nearest = space, nearest
        self.kinds: Mapping[str, BaseDistribution] = nearest.kinds

    def made_with(self, choice: Callable[..., Any], number: Callable[..., Any]) -> dict[str, Any]:
        """A library's own description of each setting: `choice(name, texts)` and `number(name, low, high, is_log, is_whole)`."""
        found = {}
        for name, kind in self.kinds.items():
            if isinstance(kind, CategoricalDistribution):
                found[name] = choice(name, [str(place) for place in range(len(kind.choices))])
            else:
                low, high, is_log = kind.low, kind.high, kind.log  # type: ignore[attr-defined]
                found[name] = number(name, low, high, is_log, isinstance(kind, IntDistribution))
        return found

    def nearest(self, flat: Mapping[str, Any], is_left: Any) -> int:
        """The configuration of those left that is nearest to what a flat proposal means."""
        values = {name: self._value(name, value) for name, value in flat.items()}
        means = optuna.trial.FixedTrial(values)
        suggest(self._space, means)
        return int(np.where(is_left, self._nearest.distances(means.params), np.inf).argmin())

    def told(self, params: Mapping[str, Any], flat: Mapping[str, Any]) -> dict[str, Any]:
        """A recorded configuration as a flat one, which has the proposal's values where it has none."""
        return {name: self._text(name, params[name]) if name in params else value for name, value in flat.items()}

    def _value(self, name: str, value: Any) -> Any:
        kind = self.kinds[name]
        if isinstance(kind, CategoricalDistribution):
            return kind.choices[int(value)]
        return kind.to_external_repr(kind.to_internal_repr(value))

    def _text(self, name: str, value: Any) -> Any:
        kind = self.kinds[name]
        return str(int(kind.to_internal_repr(value))) if isinstance(kind, CategoricalDistribution) else value


@dataclass(frozen=True)
class Job:
    """A training of a configuration to a number of epochs; `handle` is the library's own."""

    number: int
    epochs: float
    handle: Any


class Jobs(Protocol):
    """A library that asks for trainings to some epochs rather than stops them."""

    def ask(self) -> Job | None: ...

    def tell(self, job: Job, lack: float, seconds: float) -> None:
        """`lack` is 1 less the score."""


def _due_at(run: Run, look: int) -> Floats:
    """Seconds `[configurations]` of a training up to a look, or to its end at the last one."""
    stopper = NeverStops()
    stopper.looks = (look,) if look < len(run.table.epochs) - 1 else ()
    return stage_times(run, stopper)[:, 0]


def simulate_jobs(run: Run, jobs: Jobs, pace: Pace) -> Trace:
    """Replay a search by trainings to some epochs, as `simulate` does one that stops trials."""
    trace, last = Trace(workers=pace.workers), len(run.table.epochs) - 1
    lost, due_at = lost_after(run), functools.cache(functools.partial(_due_at, run))
    reached: dict[int, float] = {}
    hinted: set[int] = set()
    events: list[tuple[float, int, Job, int, float]] = []
    driver_free_s, order = 0.0, 0

    def begin(now_s: float) -> None:
        nonlocal driver_free_s, order
        if now_s >= pace.horizon_s:
            return
        driver_free_s = max(driver_free_s, now_s) + pace.driver_s
        job = jobs.ask()
        if job is None:
            return
        trace.started.append((driver_free_s, job.number))
        look = min([*looks_at(run.table, [job.epochs]), last])
        due = float(due_at(look)[job.number])
        due = float(lost[job.number]) if np.isnan(due) else due
        seconds = max(0.0, due - reached.get(job.number, 0.0))
        reached[job.number] = max(due, reached.get(job.number, 0.0))
        kind = int(run.table.architecture[job.number])
        if kind not in hinted:
            hinted.add(kind)
            seconds += float(run.hint_s[job.number])
        order += 1
        heapq.heappush(events, (driver_free_s + seconds, order, job, look, seconds))

    for _ in range(pace.workers):
        begin(0.0)
    while events:
        now_s, _, job, look, seconds = heapq.heappop(events)
        driver_free_s = max(driver_free_s, now_s) + pace.driver_s
        score = float(run.end_score[job.number] if look == last else run.curves["score"][job.number, look])
        if look == last:
            (trace.failed if np.isnan(score) else trace.complete).append((driver_free_s, job.number))
        jobs.tell(job, 1.0 if np.isnan(score) else 1.0 - score, seconds)
        begin(driver_free_s)
    return trace


class _Mapped:
    """Which recorded configuration stands for which proposal: always the same one."""

    def __init__(self, run: Run, flat: Flat) -> None:
        self._flat, self._is_left = flat, ~run.table.is_plain
        self._known: dict[tuple[Any, ...], int] = {}
        self.epochs = round(float(run.table.epochs[-1]))

    def number_of(self, proposal: Mapping[str, Any]) -> int | None:
        key = tuple(sorted(proposal.items()))
        if key not in self._known:
            if not self._is_left.any():
                return None
            self._known[key] = self._flat.nearest(proposal, self._is_left)
            self._is_left[self._known[key]] = False
        return self._known[key]

    def space(self, seed: int) -> Any:
        library = importlib.import_module("ConfigSpace")

        def number(name: str, low: float, high: float, is_log: bool, is_whole: bool) -> Any:
            kind = library.UniformIntegerHyperparameter if is_whole else library.UniformFloatHyperparameter
            return kind(name, low, high, log=is_log)

        space = library.ConfigurationSpace(seed=seed)
        space.add(list(self._flat.made_with(library.CategoricalHyperparameter, number).values()))
        return space


class Dehb:
    """DEHB with its defaults, from one epoch on."""

    def __init__(self, run: Run, flat: Flat, seed: int) -> None:
        self._mapped = _Mapped(run, flat)
        library = importlib.import_module("dehb")
        self._dehb = library.DEHB(
            cs=self._mapped.space(seed),
            min_fidelity=1,
            max_fidelity=self._mapped.epochs,
            seed=seed,
            n_workers=1,
            save_freq=None,
            log_level="ERROR",
            output_path=tempfile.mkdtemp(),
        )

    def ask(self) -> Job | None:
        asked = self._dehb.ask()
        number = self._mapped.number_of(dict(asked["config"]))
        return None if number is None else Job(number, float(asked["fidelity"]), asked)

    def tell(self, job: Job, lack: float, seconds: float) -> None:
        self._dehb.tell(job.handle, {"fitness": lack, "cost": seconds})


class Smac:
    """SMAC3's multi-fidelity facade with its defaults, from one epoch on."""

    def __init__(self, run: Run, flat: Flat, seed: int) -> None:
        self._mapped, smac = _Mapped(run, flat), importlib.import_module("smac")
        self._value = importlib.import_module("smac.runhistory.dataclasses").TrialValue
        scenario = smac.Scenario(
            self._mapped.space(seed),
            deterministic=True,
            min_budget=1,
            max_budget=self._mapped.epochs,
            n_trials=1_000_000,
            seed=seed,
            output_directory=tempfile.mkdtemp(),
        )
        self._smac = smac.MultiFidelityFacade(
            scenario, lambda config, seed, budget: 0.0, overwrite=True, logging_level=False
        )

    def ask(self) -> Job | None:
        info = self._smac.ask()
        number = self._mapped.number_of(dict(info.config))
        return None if number is None else Job(number, float(info.budget), info)

    def tell(self, job: Job, lack: float, seconds: float) -> None:
        self._smac.tell(job.handle, self._value(cost=lack, time=seconds), save=False)
