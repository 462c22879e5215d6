"""A storage that is away for longer than anybody waits: no fault of the trials that run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.away import AwayError
from distune.corpora.places import Place
from distune.tuning.search import worker
from distune.tuning.search.worker import skips_at, work
from distune.tuning.storage.paths import Folder, TrialPlace
from distune.tuning.study.file import Study
from tests.making.proposals import ask, proposals


def away(*arguments: Any, **settings: Any) -> Any:
    raise AwayError("s3://b does not answer")


def test_a_trial_without_its_storage_is_not_reported_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_train", away)
    assignment = worker.Assignment(folder=Folder(Place(str(tmp_path))), threads=1, budget_ms=None, timeout_s=None)
    reports: list[dict[str, Any]] = []
    work({"number": 5}, {}, assignment, reports.append)
    assert [list(report) for report in reports] == [["away"]]
    assert re.fullmatch(r"s3://b does not answer \(on .+\)", reports[0]["away"])


def test_the_search_ends_by_it_and_the_trial_runs_again(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_complete("a", {"away": "s3://b does not answer (on host)"})
    assert isinstance(searcher.error, AwayError)
    assert str(searcher.error) == "s3://b does not answer (on host)"
    assert ask(proposals(study, tmp_path), "b")["number"] == 0


def test_a_training_does_not_wait_for_requests_that_cannot_be_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def is_file(self: Place) -> bool:
        waited.append(self.patience_s)
        raise AwayError("s3://b does not answer")

    monkeypatch.setattr(Place, "is_file", is_file)
    skips_at(TrialPlace(Folder(Place("s3://b/1")).patient().trials / "5"))()
    assert waited == [0.0]


def test_a_server_that_says_nothing_takes_a_tenth_of_a_training_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, asked_s = [0.0], []

    def is_file(self: Place) -> bool:
        asked_s.append(now_s[0])
        now_s[0] += 20.0
        raise AwayError("s3://b does not answer")

    monkeypatch.setattr(Place, "is_file", is_file)
    monkeypatch.setattr(worker.time, "monotonic", lambda: now_s[0])
    look = skips_at(TrialPlace(Folder(Place("s3://b/1")).trials / "5"))
    for _ in range(45):  # An epoch of 10 s after each look.
        look()
        now_s[0] += 10.0
    assert asked_s == [0.0, 220.0, 440.0]
