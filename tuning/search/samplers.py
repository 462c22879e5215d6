"""A sampler that looks at the newest trials and the best ones: what a proposal costs does not grow with the search."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container, Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from distune.tuning.study.config import SearchConfig

TPE_TRIALS = 1000
"""Trials that TPE looks at: what it spends on a proposal is proportional to them."""


def sampler(search: SearchConfig, n_known: int) -> optuna.samplers.BaseSampler:
    """The sampler of Optuna's that proposes trials."""
    # Seeded by what is known already: a resumed search must not draw its first proposals once more.
    seed = search.seed + n_known
    n_startup = min(10, max(4, search.trials // 4))
    builders: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: NewestAndBest(
            optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed, n_startup_trials=n_startup), TPE_TRIALS
        ),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=min(50, max(8, search.trials // 4)), seed=seed),
        # It models what all trials share; what belongs to one branch it draws at random, which need not be warned of.
        "gp": lambda: optuna.samplers.GPSampler(seed=seed, n_startup_trials=n_startup, warn_independent_sampling=False),
        "random": lambda: optuna.samplers.RandomSampler(seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return builders[search.sampler]()


EVERY = 100
"""Trials after which the best ones are looked for again."""


class NewestAndBest(BaseSampler):
    """Proposes as `inner` would if of all trials that have ended there were but the newest `size`, and the best: of equally
    good ones the newest `size`."""

    def __init__(self, inner: BaseSampler, size: int) -> None:
        self._inner = inner
        self._size = size
        self._best: frozenset[int] = frozenset()
        self._looked_at = -EVERY
        self._seen: Study | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        self._seen = self._look(study)
        return self._inner.infer_relative_search_space(self._seen, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._inner.sample_relative(self._seen or study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(self._seen or study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        self._inner.reseed_rng()

    def _look(self, study: Study) -> Study:
        trials = study.get_trials(deepcopy=False)
        ended = [trial.number for trial in trials if trial.state.is_finished()]
        if len(ended) <= self._size:
            return study
        if len(ended) >= self._looked_at + EVERY:
            best = sorted(trial.number for trial in _Seen(study, trials).best_trials)
            # All trials are best where none is better than another.
            self._best, self._looked_at = frozenset(best[-self._size :]), len(ended)
        outside = frozenset(ended[: -self._size]) - self._best
        return cast("Study", _Seen(study, [trial for trial in trials if trial.number not in outside]))


class _Seen:
    """A study with some of its trials alone, none of which is deeply copied: samplers only read them."""

    best_trials: Any = Study.best_trials

    def __init__(self, study: Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    @property
    def trials(self) -> list[FrozenTrial]:
        return self._trials

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        # What Optuna's own samplers call.
        return self.get_trials(deepcopy, states)
