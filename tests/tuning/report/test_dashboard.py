from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from distune.tuning.report.dashboard import named_copy, serve_dashboard
from distune.tuning.storage.searches import last_search, new_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.making.proposals import ask, epoch, proposals


@pytest.fixture
def searched(study: Study) -> Study:
    """A complete trial, one that was stopped after its first epoch, and one that runs."""
    searcher = proposals(study, Path(str(new_folder(study))))
    for name in "abc":
        ask(searcher, name)
    searcher.on_trial_result("a", epoch(1, 0.8))
    searcher.on_trial_complete("a", epoch(2, 0.9))
    searcher.on_trial_complete("b", epoch(1, 0.6))
    return study


def test_objectives_have_names_and_epochs_are_intermediate_values(searched: Study) -> None:
    copy = named_copy(searched, last_search(searched))
    assert copy.metric_names == ["dev accuracy", "latency hint, ms"]
    assert [trial.intermediate_values for trial in copy.trials] == [{1: 0.8, 2: 0.9}, {1: 0.6}, {}]
    assert [trial.state.name for trial in copy.trials] == ["COMPLETE", "PRUNED", "RUNNING"]
    assert copy.trials[0].values == [0.9, 0.5]


def test_it_is_served_on_the_loopback_address_alone(
    searched: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[dict[str, Any]] = []
    package = ModuleType("optuna_dashboard")
    package.run_server = lambda storage, **where: served.append(where)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "optuna_dashboard", package)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    serve_dashboard(searched, last_search(searched), 8080)
    assert served == [{"host": "127.0.0.1", "port": 8080}]
    assert "3 trials as they are now: http://127.0.0.1:8080" in capsys.readouterr().out


def test_without_its_package_a_line_says_how_to_get_it(searched: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"needs the package optuna-dashboard, .*: pip install 'distune\[optuna\]'"):
        serve_dashboard(searched, last_search(searched), 8080)
