"""The searches that are compared on a table: today's, what people would use, and ideas."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import optuna

from benchmarks.search.peers import contenders_of_peers
from benchmarks.search.proposers import (
    Nearest,
    OptunaSearch,
    OptunaSettings,
    beginning,
    drawn,
    nearest_of_each,
    portfolio,
)
from benchmarks.search.simulator import Contender, NeverStops, Proposer, Run, Stopper, contender
from benchmarks.search.stoppers import Asha, looks_at
from benchmarks.search.table import Table
from distune.tuning.search.samplers import sampler
from distune.tuning.search.suggest import distributions
from distune.tuning.study.file import Study

SIGNALS = ("score", "dev_ce", "agreement", "kl", "hard_ce")
PORTFOLIO = 4
"""Configurations of an earlier table to begin with."""
Search = tuple[Proposer, Stopper]


def contenders_of(table: Table, earlier: Table | None = None) -> list[Contender]:
    """All searches that run here against a table of a study; with an `earlier` table of another one those that begin with its
    portfolio too."""
    study = Study(table.about["document"])
    of_peers = contenders_of_peers(study.space, Nearest(table.params, distributions(study.space)))
    return [
        *_of_distune(study, table),
        *_of_ray(),
        *_of_optuna(study, table),
        *of_peers,
        *_ideas(study, table, earlier),
    ]


def _of_distune(study: Study, table: Table) -> list[Contender]:
    search, optunas = study.config.search, _Optuna(study, table)

    def stopper(run: Run) -> Stopper:
        return Asha(run, search.grace_epochs, search.reduction_factor) if search.scheduler == "asha" else NeverStops()

    def today(run: Run, seed: int) -> Search:
        return optunas.as_today(run, seed), stopper(run)

    def at_random(run: Run, seed: int) -> Search:
        return drawn(run, np.random.default_rng(seed), beginning(run)), stopper(run)

    return [
        contender(f"Distune today: {search.sampler}, {search.scheduler}", today, models=search.sampler != "random"),
        contender("Distune today, random draws", at_random),
    ]


def _of_ray() -> list[Contender]:
    def ray(reduction_factor: float) -> Callable[[Run, int], Search]:
        return lambda run, seed: (
            drawn(run, np.random.default_rng(seed)),
            Asha(run, 1.0, reduction_factor, counts_plain=True),
        )

    def whole(run: Run, seed: int) -> Search:
        return drawn(run, np.random.default_rng(seed)), NeverStops()

    return [
        contender("random draws, none stopped", whole),
        contender("Ray ASHA (its default, 4), random draws", ray(4)),
        contender("Ray ASHA (3), random draws", ray(3)),
    ]


class _Optuna:
    """Makes searches with Optuna's parts over a table."""

    def __init__(self, study: Study, table: Table) -> None:
        self._space, self._search = study.space, study.config.search
        self._nearest = Nearest(table.params, distributions(study.space))

    def search(self, run: Run, settings: OptunaSettings) -> OptunaSearch:
        return OptunaSearch(run, self._space, self._nearest, settings)

    def as_today(self, run: Run, seed: int) -> OptunaSearch:
        """Distune's own proposals."""
        of_seed = sampler(self._search.model_copy(update={"seed": seed}), 0)
        figures, first = tuple(self._search.figures), tuple(beginning(run))
        return self.search(run, OptunaSettings(sampler=of_seed, objectives=figures, first=first))


def _of_optuna(study: Study, table: Table) -> list[Contender]:
    optunas, epochs = _Optuna(study, table), round(float(table.epochs[-1]))
    each_epoch = looks_at(table, range(1, epochs + 1))

    def with_pruner(pruner: Callable[[], optuna.pruners.BasePruner]) -> Callable[[Run, int], Search]:
        def begin(run: Run, seed: int) -> Search:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                tpe = optuna.samplers.TPESampler(seed=seed)
                search = optunas.search(run, OptunaSettings(sampler=tpe, pruner=pruner(), looks=each_epoch))
            return search, search

        return begin

    pruners: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
        "none stopped": optuna.pruners.NopPruner,
        "HyperbandPruner": lambda: optuna.pruners.HyperbandPruner(max_resource=epochs, reduction_factor=3),
        "MedianPruner": optuna.pruners.MedianPruner,
        "WilcoxonPruner": optuna.pruners.WilcoxonPruner,
    }
    return [contender(f"Optuna TPE, {name}", with_pruner(pruner), models=True) for name, pruner in pruners.items()]


def _ideas(study: Study, table: Table, earlier: Table | None) -> list[Contender]:
    """ASHA with rungs below an epoch, by signals other than the score; of a signal, with random draws and as today proposes."""
    optunas = _Optuna(study, table)

    def at_random(grace: float, factor: float, signal: str) -> Callable[[Run, int], Search]:
        return lambda run, seed: (drawn(run, np.random.default_rng(seed)), Asha(run, grace, factor, signal))

    def as_today(grace: float, factor: float, signal: str) -> Callable[[Run, int], Search]:
        return lambda run, seed: (optunas.as_today(run, seed), Asha(run, grace, factor, signal))

    found = []
    for signal in SIGNALS:
        for grace, factor in ((1.0, 2.0), (1.0, 4.0), (1 / 4, 2.0), (1 / 4, 4.0), (1 / 16, 4.0)):
            if grace < 0.75 * table.epochs[0]:
                continue  # Nobody looked as early as that.
            found.append(
                contender(f"idea: ASHA from {grace:g} by {factor:g} on {signal}", at_random(grace, factor, signal))
            )
    for signal in ("kl", "dev_ce"):
        name = f"idea: Distune's proposals, ASHA from 0.25 by 4 on {signal}"
        found.append(contender(name, as_today(1 / 4, 4.0, signal), models=True))
    if earlier is not None:
        first = nearest_of_each(portfolio(earlier, PORTFOLIO), Nearest(table.params, distributions(study.space)), table)

        def begun(run: Run, seed: int) -> Search:
            return drawn(run, np.random.default_rng(seed), first), Asha(run, 1.0, 2.0)

        found.append(
            contender(f"idea: a portfolio of {PORTFOLIO}, then random draws, ASHA from 1 by 2 on score", begun)
        )
    return found
