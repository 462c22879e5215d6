from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from distune.corpora.places import Place
from distune.tuning.storage.ending import (
    SEARCHED_S,
    ask_to_finish,
    ask_to_skip,
    searched_before_s,
    trials_since_better,
    why_it_ends,
)
from distune.tuning.storage.paths import Folder
from distune.tuning.study.config import SearchConfig

BOTH = ("score", "latency_ms")
CONFIGURED = {"config": {}}


def ended(*values: tuple[float, ...] | None) -> list[FrozenTrial]:
    """Trials that ended a second after each other; None stands for one that was not completed."""
    start = datetime(2026, 11, 29)
    found = []
    for number, one in enumerate(values):
        state = TrialState.FAIL if one is None else TrialState.COMPLETE
        trial = optuna.trial.create_trial(state=state, values=one, user_attrs=CONFIGURED)
        trial.number, trial.datetime_complete = number, start + timedelta(seconds=number)
        found.append(trial)
    return found


def test_a_front_is_better_where_a_trial_beats_every_earlier_one_in_something() -> None:
    assert trials_since_better(ended((0.8, 2.0), (0.9, 3.0)), BOTH) == 0  # more accurate, slower
    assert trials_since_better(ended((0.8, 2.0), (0.7, 1.0)), BOTH) == 0  # faster, less accurate
    assert trials_since_better(ended((0.8, 2.0), (0.8, 2.0), (0.7, 2.5)), BOTH) == 2  # the same, and worse in both
    assert trials_since_better(ended((0.8, 2.0), None, None), BOTH) == 2


def test_of_one_objective_the_front_is_the_best_trial() -> None:
    assert trials_since_better(ended((0.8,), (0.9,), (0.85,)), ("score",)) == 1
    assert trials_since_better(ended((2.0,), (1.0,), (3.0,), (1.5,)), ("latency_ms",)) == 2


def test_what_counts_is_the_order_in_which_trials_ended() -> None:
    trials = ended((0.8, 2.0), (0.9, 1.0), (0.7, 3.0))
    trials[1].datetime_complete = datetime(2026, 11, 30)  # A slow one, which was begun second and ended last.
    assert trials_since_better(trials, BOTH) == 0


def test_trials_of_another_study_do_not_count() -> None:
    (trial,) = ended((0.8, 2.0))
    trial.user_attrs = {}
    assert trials_since_better([trial], BOTH) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(Place(str(tmp_path / "1")))


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=["maximize", "minimize"])


def test_a_search_ends_when_its_time_or_its_patience_is_used_up(study: optuna.Study, folder: Folder) -> None:
    study.add_trials(ended((0.8, 2.0), (0.8, 2.0)))
    assert why_it_ends(study, SearchConfig(time_budget_s=60, patience=2), folder, 59.0) is None
    assert why_it_ends(study, SearchConfig(time_budget_s=60), folder, 60.0) == (
        "search.time_budget_s is used up: trials were searched for 60 of 60 s"
    )
    assert why_it_ends(study, SearchConfig(patience=1), folder, 0.0) == (
        "search.patience is used up: the last trial made the Pareto front no better"
    )


def test_a_search_ends_when_it_is_asked_to(study: optuna.Study, folder: Folder) -> None:
    assert why_it_ends(study, SearchConfig(), folder, 1e9) is None
    ask_to_finish(folder)
    assert str(why_it_ends(study, SearchConfig(), folder, 0.0)).startswith("`distune finish` asked for it, on ")
    ask_to_skip(folder, 3)
    assert folder.trial(3).skip.read_text().startswith("skipped by a person, on ")


def test_the_time_of_earlier_drivers_is_kept_in_the_study(study: optuna.Study) -> None:
    assert searched_before_s(study) == 0.0
    study.set_user_attr(SEARCHED_S, 12.5)
    assert searched_before_s(study) == 12.5
