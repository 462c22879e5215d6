"""The benchmark of searches: its form on a tiny study, never its speed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import search, search_peers
from benchmarks.speed.performance import PARTS
from benchmarks.speed.search import Attempt
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from tests.conftest import prepared_study

SMALL = ["--trials", "2", "--texts", "24", "--epochs", "1"]
WriteStudy = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "cores", lambda: 1)


def test_a_search_without_distune_is_timed(
    document: dict[str, Any], write_study: WriteStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "optuna, cached logits"
    search.main(["--study", str(write_study(document)), *SMALL, "--only", name, "--lengths"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["searches"]) == [name]
    one = found["searches"][name]
    assert one["trials"] == 2
    assert one["trials_per_hour"] == pytest.approx(3600 / one["trial_s"], rel=0.1)
    assert 0 <= one["best"] <= 1
    assert found["lengths"] == []


def test_steps_are_a_part_of_a_trial(document: dict[str, Any], write_study: WriteStudy, tmp_path: Path) -> None:
    prepared = search.cut(prepared_study(search.study_of(write_study(document), 2, 1, tmp_path)), 16)
    data = next(iter(prepared.inputs.values())).data
    assert (len(data.train), len(data.dev), len(data.dev_labels)) == (16, 4, 4)
    seconds, share = search.steps_share(TrialConfig.model_validate(midpoint(prepared.study.space)), data)
    assert seconds > 0
    assert 0 < share < 1


def test_peers_learn_by_the_settings_that_they_are_given(
    document: dict[str, Any], write_study: WriteStudy, tmp_path: Path
) -> None:
    prepared = prepared_study(search.study_of(write_study(document), 2, 1, tmp_path))
    data = next(iter(prepared.inputs.values())).data
    asked: list[int] = []
    point = search_peers.Point(data, 4, 2, 1, learning_rate=1e-3, kd_weight=1.0, temperature=2.0)
    assert 0 <= search_peers.train(point, asked.extend) <= 1
    assert sorted(asked) == sorted([*range(len(data.train))] * 2)
    assert point.config.loss.kd_weight == 1.0


def test_the_first_and_last_trials_of_each_core_are_left_out_of_the_steady_share() -> None:
    # One core: 5 s until there is a worker, then five trials of 2 s with half a second between them.
    whole, steady = search.shares(17.5, [7.0, 9.5, 12.0, 14.5, 17.0], [2.0] * 5, 1)
    assert whole == pytest.approx(10 / 17.5)
    assert steady == pytest.approx(3 * 2.0 / (14.5 - 7.0))
    assert search.shares(7.0, [3.5, 7.0], [3.0, 3.0], 1) == (pytest.approx(6 / 7), None)


def test_a_ratio_is_of_the_same_round_and_a_search_that_fails_says_why() -> None:
    def broken(given: Any) -> list[float]:
        raise RuntimeError("no such backend\nand more")

    rounds = [
        {"distune": Attempt(1.0, [0.8, 0.7]), "plain": Attempt(3.0, [0.6, 0.9])},
        {"distune": Attempt(10.0, [0.8, 0.7]), "plain": Attempt(20.0, [0.6, 0.9])},
        {"distune": Attempt(2.0, [0.8, 0.7]), "plain": Attempt(4.0, [0.6, 0.9])},
    ]
    found = search.summary("plain", rounds)
    assert found == {"trials": 2, "trial_s": 4.0, "trials_per_hour": 900, "best": 0.9, "distune_times": 2.0}
    given: Any = None
    failed = search.attempt("plain", broken, given)
    assert search.summary("plain", [{"plain": failed}]) == {"failed": "RuntimeError: no such backend"}


@pytest.mark.long
def test_the_whole_comparison_runs(
    document: dict[str, Any], write_study: WriteStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["distune", "ray tune, teacher in the loop"]
    options = ["--only", *names, "--lengths", "0.2", "--trials-of-lengths", "4"]
    search.main(["--study", str(write_study(document)), *SMALL, *options])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["searches"]) == names
    assert all(one["trials"] == 2 for one in found["searches"].values())
    (length,) = found["lengths"]
    assert length["trials"] == 4
    assert 0 < length["trials_share"] <= 1.05
    assert 0 < length["steps_share"] < 1
    assert "| distune | 2 | " in PARTS["search"].shown(found)
