"""When a search proposes no further trial: at its number, its time or its patience, when it is asked to finish."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from distune.corpora.places import Place
from distune.tuning.storage.ending import ask_to_finish
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import records_in
from distune.tuning.study.file import Study
from tests.making.proposals import Diary, ask, epoch, proposals


def test_no_more_trials_are_proposed_than_asked_for(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path, n_trials=2)
    ask(searcher, "a")
    ask(searcher, "b")
    assert searcher.suggest("c") == Searcher.FINISHED


def limited(study: Study, **limits: Any) -> Study:
    search = study.config.search.model_copy(update=limits)
    return replace(study, config=study.config.model_copy(update={"search": search}))


def test_after_so_many_trials_without_a_better_front_no_further_one_is_proposed(study: Study, tmp_path: Path) -> None:
    searcher = proposals(limited(study, patience=2), tmp_path, n_trials=9)
    for name, accuracy in zip("abc", (0.8, 0.9, 0.7), strict=True):
        ask(searcher, name)
        searcher.on_trial_complete(name, epoch(2, accuracy))
    ask(searcher, "d")
    ask(searcher, "e")
    searcher.on_trial_complete("d", epoch(2, 0.9))
    assert searcher.suggest("f") == Searcher.FINISHED
    assert str(searcher.ended_early).startswith("search.patience is used up: the last 2 trials")
    searcher.on_trial_complete("e", epoch(2, 0.6))  # What runs ends as it would have.
    assert [record.state for record in records_in(study.config, Folder(Place(str(tmp_path))))] == ["complete"] * 5


def test_the_time_of_a_search_is_that_of_all_its_drivers(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("distune.tuning.search.proposals.time.monotonic", lambda: now[0])
    limit = limited(study, time_budget_s=60)
    searcher = proposals(limit, tmp_path, n_trials=9)
    ask(searcher, "a")
    now[0] += 40
    searcher.on_trial_complete("a", epoch(2, 0.8))
    ask(searcher, "b")
    now[0] += 5000  # It is killed, and resumed much later.
    resumed = proposals(limit, tmp_path, n_trials=9)
    assert ask(resumed, "b")["number"] == 1
    now[0] += 19
    resumed.on_trial_complete("b", epoch(2, 0.8))
    assert ask(resumed, "c")["number"] == 2
    now[0] += 1
    assert resumed.suggest("d") == Searcher.FINISHED
    assert resumed.ended_early == "search.time_budget_s is used up: trials were searched for 60 of 60 s"


def test_a_search_that_is_asked_to_finish_goes_on_with_no_trial(study: Study, tmp_path: Path) -> None:
    killed = proposals(study, tmp_path)
    for name in "abc":
        ask(killed, name)
    killed.on_trial_complete("b", epoch(2, 0.9))
    folder, diary = Folder(Place(str(tmp_path))), Diary()
    ask_to_finish(folder)
    resumed = proposals(study, tmp_path, diary=diary)
    assert resumed.is_over()
    assert resumed.suggest("x") == Searcher.FINISHED
    records = records_in(study.config, folder)
    assert [record.state for record in records] == ["skipped", "complete", "skipped"]
    assert records[0].cause.startswith("it had not ended when the search did: `distune finish` asked for it")
    assert diary.lines == [(what, n, *rest) for n in (0, 2) for what, *rest in (("started",), ("ended", "skipped"))]
