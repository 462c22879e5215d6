"""Other libraries' searches on a table, by their own code; those that are not installed are left out and named.

    pip install syne-tune dehb smac

in an environment of its own in which Distune and `anytime` run too. All of them see a flat space, in which settings that a
proposal's other settings rule out mean nothing. syne-tune is told of the recorded configuration that stands for its proposal. DEHB
and SMAC3 keep their own proposals for later rungs, so their models see the figures of the recorded one under the proposed
settings. Where those two ask for a configuration again with more epochs, its training goes on for nothing, as if there
were checkpoints: their own code begins anew.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.search.peers_jobs import Dehb, Flat, Smac, simulate_jobs
from benchmarks.search.proposers import Nearest
from benchmarks.search.simulator import Contender, Pace, Run, State, Trace, contender
from benchmarks.search.stoppers import looks_at
from distune.tuning.study.space import Space

PACKAGES = {"syne-tune": "syne_tune", "DEHB": "dehb", "SMAC3": "smac"}


def missing() -> list[str]:
    """The libraries that are not installed."""
    return [name for name, package in PACKAGES.items() if importlib.util.find_spec(package) is None]


class SyneTune:
    """One of syne-tune's schedulers, which proposes and stops."""

    signal = "score"

    def __init__(self, run: Run, flat: Flat, name: str, seed: int) -> None:
        spaces = importlib.import_module("syne_tune.config_space")
        baselines = importlib.import_module("syne_tune.optimizer.baselines")
        self._trial = importlib.import_module("syne_tune.backend.trial_status").Trial
        logging.getLogger("syne_tune").setLevel(logging.ERROR)

        def number(_: str, low: float, high: float, is_log: bool, is_whole: bool) -> Any:
            name = ("log" if is_log else "") + ("randint" if is_whole else "uniform")
            return getattr(spaces, name)(low, high)

        space = flat.made_with(lambda _, texts: spaces.choice(texts), number)
        np.random.seed(seed)  # It draws its brackets from numpy's own generator.
        epochs = round(float(run.table.epochs[-1]))
        self._scheduler = getattr(baselines, name)(
            space, metric="score", time_attr="epoch", max_t=epochs, do_minimize=False, random_seed=seed
        )
        self.looks = looks_at(run.table, range(1, epochs + 1))
        self._run, self._flat, self._epochs, self._trials = run, flat, epochs, {}  # type: ignore[var-annotated]
        self._is_left = ~run.table.is_plain

    def propose(self) -> int | None:
        suggestion = self._scheduler.suggest() if self._is_left.any() else None
        if suggestion is None:
            return None
        number = self._flat.nearest(suggestion.config, self._is_left)
        self._is_left[number] = False
        config = self._flat.told(self._run.table.params[number], suggestion.config)
        self._trials[number] = self._trial(number, config, datetime.now(UTC))
        self._scheduler.on_trial_add(self._trials[number])
        return number

    def stops(self, number: int, look: int, value: float) -> bool:
        result = {"score": value, "epoch": round(float(self._run.table.epochs[look]))}
        return bool(self._scheduler.on_trial_result(self._trials[number], result) == "STOP")

    def ended(self, number: int, state: State) -> None:
        if state == "complete":
            score = float(self._run.end_score[number])
            self._scheduler.on_trial_complete(self._trials[number], {"score": score, "epoch": self._epochs})
        elif state == "failed":
            self._scheduler.on_trial_error(self._trials[number])
        else:
            self._scheduler.on_trial_remove(self._trials[number])


def contenders_of_peers(space: Space, nearest: Nearest) -> list[Contender]:
    """Those of the libraries that are installed."""
    flat, lacking = Flat(space, nearest), missing()

    def of_syne_tune(name: str) -> Contender:
        def begin(run: Run, seed: int) -> tuple[SyneTune, SyneTune]:
            search = SyneTune(run, flat, name, seed)
            return search, search

        return contender(f"syne-tune {name}", begin, models=True)

    def of_jobs(name: str, kind: type[Dehb] | type[Smac]) -> Contender:
        def replay(run: Run, seed: int, pace: Pace) -> Trace:
            return simulate_jobs(run, kind(run, flat, seed), pace)

        return Contender(name=name, replay=replay, models=True)

    found = [] if "syne-tune" in lacking else [of_syne_tune("ASHA"), of_syne_tune("BOHB")]
    found += [] if "DEHB" in lacking else [of_jobs("DEHB", Dehb)]
    return found + ([] if "SMAC3" in lacking else [of_jobs("SMAC3, multi-fidelity", Smac)])
