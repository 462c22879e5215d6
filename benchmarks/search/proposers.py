"""What asks for the next trial of a simulated search: random draws, and Optuna's samplers and pruners themselves.

A table holds a few hundred configurations, and a sampler proposes anything in the space. A proposal stands for the recorded
configuration nearest to it that was not tried yet, and the sampler is told of that one: its model sees true pairs of
configuration and score, as in a search over the table alone. Near is by Gower's distance: numbers by their place in their range (its
logarithm, if the range is so), anything else by being equal, a setting that one of both lacks by 1. What a model gains by
proposing a point that nobody recorded is not seen; a table understates it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, TrialState

from benchmarks.search.figures import volumes_of
from benchmarks.search.simulator import Run, State, one_run
from benchmarks.search.table import Floats, Table
from distune.tuning.search.suggest import suggest
from distune.tuning.study.space import Space


class InOrder:
    """Tries configurations in the order of a list."""

    def __init__(self, order: Sequence[int]) -> None:
        self._left = list(reversed(order))

    def propose(self) -> int | None:
        return self._left.pop() if self._left else None

    def ended(self, number: int, state: State) -> None:
        """A list learns nothing."""


def drawn(run: Run, rng: np.random.Generator, first: Sequence[int] = ()) -> InOrder:
    """Some first, then all others at random, but for those that learn from labels alone."""
    others = [int(one) for one in rng.permutation(len(run.table)) if one not in first and not run.table.is_plain[one]]
    return InOrder([*first, *others])


def beginning(run: Run) -> list[int]:
    """The configurations that a search of the study begins with: the plain one and the named points."""
    return [number for number, point in enumerate(run.table.points) if point]


class Nearest:
    """Gower's distance from settings to those of each configuration of a table."""

    def __init__(self, params: Sequence[Mapping[str, Any]], kinds: Mapping[str, BaseDistribution]) -> None:
        self.kinds = dict(sorted(kinds.items()))
        self._is_choice = np.array([isinstance(kind, CategoricalDistribution) for kind in self.kinds.values()])
        self._rows = np.stack([self._encoded(one) for one in params])

    def _encoded(self, params: Mapping[str, Any]) -> Floats:
        return np.array(
            [_place(kind, params[name]) if name in params else math.nan for name, kind in self.kinds.items()]
        )

    def distances(self, params: Mapping[str, Any]) -> Floats:
        """`[configurations]`."""
        apart = np.abs(self._rows - self._encoded(params))
        apart[:, self._is_choice] = np.where(apart[:, self._is_choice] > 0, 1.0, apart[:, self._is_choice])
        lacks_both = np.isnan(self._rows) & np.isnan(self._encoded(params))
        total: Floats = np.where(lacks_both, 0.0, np.where(np.isnan(apart), 1.0, apart)).sum(axis=1)
        return total


def _place(kind: BaseDistribution, value: Any) -> float:
    """Where a value is in its range, 0 to 1; of a choice its number."""
    if isinstance(kind, CategoricalDistribution):
        return float(kind.to_internal_repr(value))
    low, high, is_log = float(kind.low), float(kind.high), kind.log  # type: ignore[attr-defined]
    if is_log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (float(value) - low) / (high - low)


def portfolio(earlier: Table, size: int) -> list[dict[str, Any]]:
    """The settings of so many configurations of a table, each the one that adds the most to the hypervolume of those before it."""
    run, chosen = one_run(earlier, 0), np.zeros(0, dtype=np.int64)
    for _ in range(min(size, int(run.is_rival.sum()))):
        left = np.setdiff1d(np.flatnonzero(run.is_rival), chosen)
        gains = [volumes_of(run, np.append(chosen, one))[-1] for one in left]
        chosen = np.append(chosen, left[int(np.argmax(gains))])
    return [earlier.params[number] for number in chosen]


def nearest_of_each(wanted: Sequence[Mapping[str, Any]], nearest: Nearest, table: Table) -> list[int]:
    """The configurations that stand for settings, each of them once."""
    found: list[int] = []
    for params in wanted:
        apart = nearest.distances(params)
        apart[[*found, *np.flatnonzero(table.is_plain)]] = np.inf
        found.append(int(apart.argmin()))
    return found


class _Storage(InMemoryStorage):
    """One in which the settings of a running trial can be put in place of others."""

    def put_params(self, trial_id: int, params: dict[str, Any], kinds: Mapping[str, BaseDistribution]) -> None:
        trial = self._get_trial(trial_id)
        trial.params, trial.distributions = dict(params), {name: kinds[name] for name in params}


@dataclass(frozen=True, kw_only=True)
class OptunaSettings:
    """What an Optuna search is made of; `looks` are those at which its pruner is told of the score."""

    sampler: optuna.samplers.BaseSampler
    pruner: optuna.pruners.BasePruner = field(default_factory=optuna.pruners.NopPruner)
    objectives: tuple[str, ...] = ("score",)
    first: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()


class OptunaSearch:
    """A sampler and a pruner of Optuna's."""

    signal = "score"

    def __init__(self, run: Run, space: Space, nearest: Nearest, settings: OptunaSettings) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.looks, self._objectives, self._first = settings.looks, settings.objectives, list(reversed(settings.first))
        self._run, self._space, self._nearest, self._storage = run, space, nearest, _Storage()
        self._study = optuna.create_study(
            # A HyperbandPruner puts trials into brackets by this name.
            study_name="simulated",
            storage=self._storage,
            sampler=settings.sampler,
            pruner=settings.pruner,
            directions=["maximize" if one == "score" else "minimize" for one in self._objectives],
        )
        self._is_left = ~run.table.is_plain
        self._trials: dict[int, Trial] = {}

    def propose(self) -> int | None:
        if not self._first and not self._is_left.any():
            return None
        trial = self._study.ask()
        if self._first:
            number = self._first.pop()
        else:
            suggest(self._space, trial)
            apart = np.where(self._is_left, self._nearest.distances(trial.params), np.inf)
            number = int(apart.argmin())
        self._is_left[number] = False
        self._storage.put_params(trial._trial_id, self._run.table.params[number], self._nearest.kinds)
        self._trials[number] = trial
        return number

    def stops(self, number: int, look: int, value: float) -> bool:
        self._trials[number].report(value, self.looks.index(look) + 1)
        return self._trials[number].should_prune()

    def ended(self, number: int, state: State) -> None:
        trial = self._trials[number]
        if state == "complete":
            known = {"score": self._run.end_score[number], "latency_ms": self._run.table.latency_ms[number]}
            self._study.tell(trial, [float(known[one]) for one in self._objectives])
        else:
            self._study.tell(trial, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)
