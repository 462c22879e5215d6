"""Requests to a running search: to finish, or to skip a trial; and the reasons for which a search ends before its last
trial.

A request is a file in the search's folder: the search and its workers see it on every machine and file system.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from distune._plural import n_of
from distune.tuning.storage.lease import live_driver
from distune.tuning.storage.paths import ENDED, Folder
from distune.tuning.storage.records import DIRECTIONS, count_done, records_in
from distune.tuning.study.config import SearchConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study

SEARCHED_S = "searched_s"
"""The attribute of the Optuna study that holds for how long its trials have been searched for."""
FINISH = "`distune finish` asked for it"
SKIPPED = "skipped by a person"


def finish_search(study: Study, folder: Folder) -> str:
    """Ask a search to start no further trial; returns what comes next, in a line. Raises StudyError for one that has ended."""
    if folder.state.get("state") == ENDED:
        raise StudyError(f"the search in {folder} has ended; `distune results` shows what it found")
    driver = live_driver(folder.driver)
    if driver and (folder.state.get("ended_early") or not _has_trials_left(study, folder)):
        return f"{folder}, run by {driver}, has ended its trials already: finalists, table and champion follow"
    ask_to_finish(folder)
    if driver:
        return f"{folder}, run by {driver}, starts no further trial: what runs ends, and finalists, table and champion follow"
    records = records_in(study.config, folder)
    return (
        f"{folder} is run by nobody: it was interrupted after {count_done(records)} of {n_of(study.config.search.trials, 'trial')}; "
        "`distune search STUDY --resume` now goes straight to its finalists"
    )


def _has_trials_left(study: Study, folder: Folder) -> bool:
    records = records_in(study.config, folder)
    return len(records) < study.config.search.trials or any(record.state == "running" for record in records)


def skip_trial(study: Study, folder: Folder, number: int) -> str:
    """Ask the worker of a trial to end it after its epoch; returns what comes next, in a line. Raises StudyError for a trial that
    does not run."""
    if live_driver(folder.driver) is None:
        raise StudyError(
            f"nobody runs the search in {folder}, so none of its trials runs; `distune status` shows how far it came"
        )
    states = {record.number: record.state for record in records_in(study.config, folder)}
    if states.get(number) != "running":
        running = ", ".join(str(one) for one, state in states.items() if state == "running") or "none"
        what = f"has ended ({states[number]})" if number in states else "has not begun"
        raise StudyError(f"trial {number} of {folder} {what}; those that run: {running}")
    ask_to_skip(folder, number)
    return f"trial {number} of {folder} ends after its epoch, and its worker goes on with the next"


def ask_to_finish(folder: Folder) -> None:
    folder.finish.write_text(_by_whom(FINISH))


def ask_to_skip(folder: Folder, number: int) -> None:
    folder.trial(number).skip.write_text(_by_whom(SKIPPED))


def _by_whom(what: str) -> str:
    return f"{what}, on {socket.gethostname()} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def why_it_ends(study: optuna.Study, search: SearchConfig, folder: Folder, searched_s: float) -> str | None:
    """The reason to start no further trial before all are tried, or None."""
    if folder.finish.is_file():
        return folder.finish.read_text()
    return limit_reached(study, search, searched_s)


def limit_reached(study: optuna.Study, search: SearchConfig, searched_s: float) -> str | None:
    """Which limit of the study, other than the number of its trials, is reached."""
    if search.time_budget_s is not None and searched_s >= search.time_budget_s:
        return (
            f"search.time_budget_s is used up: trials were searched for {searched_s:.0f} of {search.time_budget_s:g} s"
        )
    if search.patience is not None:
        n = trials_since_better(study.get_trials(deepcopy=False), search.figures)
        if n >= search.patience:
            return f"search.patience is used up: the last {'trial' if n == 1 else f'{n} trials'} made the Pareto front no better"
    return None


def searched_before_s(study: optuna.Study) -> float:
    """The seconds for which earlier drivers of this search have searched for trials."""
    return float(study.user_attrs.get(SEARCHED_S, 0.0))


def trials_since_better(trials: Sequence[FrozenTrial], objectives: Sequence[str]) -> int:
    """How many trials have ended since the last one that no earlier one matches or beats in every objective.

    Failed, skipped and infeasible ones count; those of an earlier study to start from do not.
    """
    signs = [1.0 if DIRECTIONS[name] == "maximize" else -1.0 for name in objectives]
    ended = [trial for trial in trials if trial.datetime_complete and "config" in trial.user_attrs]
    front: list[list[float]] = []
    n = 0
    for trial in sorted(ended, key=lambda trial: (trial.datetime_complete, trial.number)):
        n += 1
        if trial.state != TrialState.COMPLETE:
            continue
        values = [sign * value for sign, value in zip(signs, trial.values, strict=True)]
        if any(_covers(other, values) for other in front):
            continue
        front = [other for other in front if not _covers(values, other)] + [values]
        n = 0
    return n


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(mine >= theirs for mine, theirs in zip(one, other, strict=True))
