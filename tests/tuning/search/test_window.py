"""What a sampler sees of a long search: the newest trials, the best of all, and all of a short one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from distune.tuning.search.samplers import NewestAndBest


def tpe() -> TPESampler:
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        return TPESampler(multivariate=True, group=True, seed=3, n_startup_trials=4)


def searched(sampler: optuna.samplers.BaseSampler, n: int, directions: Sequence[str]) -> optuna.Study:
    """A space with branches; every third trial is pruned."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=directions, sampler=sampler)
    for number in range(n):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        y = trial.suggest_float("y", 0, 1) if trial.suggest_categorical("kind", ["a", "b"]) == "a" else 0.5
        if number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [x + y, x - y][: len(directions)])
    return study


@pytest.mark.parametrize("directions", [["maximize"], ["maximize", "minimize"]])
def test_a_short_search_is_proposed_as_without_it(directions: Sequence[str]) -> None:
    alone = searched(tpe(), 31, directions)
    seen = searched(NewestAndBest(tpe(), size=30), 31, directions)
    assert [trial.params for trial in seen.trials] == [trial.params for trial in alone.trials]


def seen_by(window: NewestAndBest, study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """What the next proposal is made of."""
    study.ask().suggest_float("x", 0, 1)
    assert window._seen is not None
    return window._seen.get_trials(deepcopy=False)


def test_of_a_long_one_it_sees_the_newest_the_best_and_those_that_run() -> None:
    window = NewestAndBest(tpe(), size=10)
    study = searched(window, 1, ["maximize"])
    study.add_trial(optuna.trial.create_trial(value=100.0))  # Better than all that can follow.
    for _ in range(60):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    running = study.ask()
    seen = seen_by(window, study)
    assert [trial.number for trial in seen] == [1, *range(52, 62), running.number, running.number + 1]
    assert seen[0].value == 100.0


def test_a_search_that_is_resumed_is_cut_at_once() -> None:
    study = searched(optuna.samplers.RandomSampler(1), 40, ["maximize", "minimize"])
    best = {trial.number for trial in study.best_trials}
    window = NewestAndBest(tpe(), size=10)
    study.sampler = window
    assert {trial.number for trial in seen_by(window, study)} == {*best, *range(30, 41)}


def test_where_all_are_equally_good_it_sees_no_more_than_the_newest_and_as_many_again() -> None:
    window = NewestAndBest(tpe(), size=10)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=window)
    for _ in range(50):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, [0.5, 1.0])
    seen = {trial.number for trial in seen_by(window, study) if trial.state.is_finished()}
    assert set(range(40, 50)) <= seen
    assert len(seen) <= 20


def test_a_proposal_copies_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    study = searched(optuna.samplers.RandomSampler(1), 40, ["maximize", "minimize"])
    copied: list[bool] = []
    get_trials = study._storage.get_all_trials

    def watched(study_id: int, deepcopy: bool = True, states: Any = None) -> list[optuna.trial.FrozenTrial]:
        copied.append(deepcopy)
        return get_trials(study_id, deepcopy, states)

    monkeypatch.setattr(study._storage, "get_all_trials", watched)
    study.sampler = window = NewestAndBest(tpe(), size=10)
    seen_by(window, study)
    assert copied
    assert not any(copied)
