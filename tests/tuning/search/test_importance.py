from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from distune.corpora.places import Place
from distune.tuning.metric.config import MetricConfig
from distune.tuning.search.importance import Importance, importance_table, importances, importances_of, keep_importances
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import PLAIN
from distune.tuning.study.config import SearchConfig, StudyConfig

SHARED: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(0, 1),
    "loss.kd_weight": FloatDistribution(0, 1),
    "student.kind": CategoricalDistribution(["bilstm", "average"]),
    "tokens.max_tokens": FloatDistribution(0, 1),
}
BRANCH: dict[str, BaseDistribution] = {
    "student.hidden_size": FloatDistribution(0, 1),
    "student.layers": FloatDistribution(0, 1),
    "student.dropout": FloatDistribution(0, 1),
}


def study_of(values: Callable[[dict[str, Any]], list[float]], n_trials: int = 60) -> optuna.Study:
    """Random trials of a space in which the biLSTM has two parameters of its own."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for _ in range(n_trials):
        params: dict[str, Any] = {name: float(rng.random()) for name in SHARED if name != "student.kind"}
        params["student.kind"] = str(rng.choice(["bilstm", "average"]))
        distributions = dict(SHARED)
        if params["student.kind"] == "bilstm":
            params |= {name: float(rng.random()) for name in BRANCH}
            distributions |= BRANCH
        study.add_trial(
            optuna.create_trial(
                params=params, distributions=distributions, values=values(params), user_attrs={"config": {}}
            )
        )
    return study


def by_hand(params: dict[str, Any]) -> list[float]:
    """Accuracy is the learning rate, latency the hidden size."""
    return [params["learning_rate"], params.get("student.hidden_size", 0.0)]


@pytest.mark.parametrize("evaluator", ["fanova", "mdi"])
def test_what_decides_an_objective_has_nearly_all_of_it(evaluator: Literal["fanova", "mdi"]) -> None:
    found = importances(study_of(by_hand), ("accuracy", "latency_ms"), evaluator)
    shares = {(one.objective, one.group): one.shares for one in found}
    assert shares["accuracy", ""]["learning_rate"] > 0.9
    assert shares["latency_ms", "student.kind=bilstm"]["student.hidden_size"] > 0.9
    assert set(shares["accuracy", ""]) == set(SHARED)
    # How it was trained cannot have changed its speed.
    assert set(shares["latency_ms", ""]) == {"student.kind", "tokens.max_tokens"}
    assert "student.dropout" not in shares["latency_ms", "student.kind=bilstm"]
    assert next(iter(shares["latency_ms", ""])) == "student.kind"
    assert all(sum(one.values()) == pytest.approx(1) for one in shares.values())


def test_a_branch_is_weighed_over_its_own_trials() -> None:
    study = study_of(by_hand)
    n_bilstm = sum(trial.params["student.kind"] == "bilstm" for trial in study.trials)
    found = {one.group: one.n_trials for one in importances(study, ("accuracy", "latency_ms"))}
    assert found == {"": 60, "student.kind=bilstm": n_bilstm}


def test_the_same_seed_gives_the_same_shares() -> None:
    one, two = (importances(study_of(by_hand), ("accuracy",), seed=3) for _ in range(2))
    assert one == two


def test_nothing_is_said_of_too_few_trials_or_of_an_objective_that_does_not_differ() -> None:
    assert importances(study_of(by_hand, n_trials=7), ("accuracy", "latency_ms")) == []
    assert [
        one.objective
        for one in importances(study_of(lambda params: [0.5, params["tokens.max_tokens"]]), ("accuracy", "latency_ms"))
        if one.group == ""
    ] == ["latency_ms"]


def test_trials_of_an_earlier_study_do_not_count() -> None:
    study = study_of(by_hand, n_trials=20)
    params = {"learning_rate": 0.5, "loss.kd_weight": 0.5, "student.kind": "average", "tokens.max_tokens": 0.5}
    study.add_trial(optuna.create_trial(params=params, distributions=SHARED, values=[9.0, 9.0]))
    assert importances(study, ("accuracy",))[0].n_trials == 20


def test_the_plain_student_takes_nothing_from_what_the_others_share() -> None:
    study = study_of(lambda params: [params["loss.kd_weight"], 0.5])
    params = {"learning_rate": 0.5, "student.kind": "average"}  # Its loss is fixed, so nothing of it was proposed.
    shared = {name: SHARED[name] for name in params}
    study.add_trial(
        optuna.create_trial(
            params=params, distributions=shared, values=[0.0, 0.5], user_attrs={"config": {}, PLAIN: True}
        )
    )
    first = importances(study, ("accuracy",))[0]
    assert (first.group, first.n_trials) == ("", 60)
    assert first.shares["loss.kd_weight"] > 0.9


def test_a_branch_is_named_after_the_block_around_it_and_all_its_kinds() -> None:
    rng = np.random.default_rng(0)
    students = CategoricalDistribution(["bilstm", "textcnn", "average"])
    compressions = CategoricalDistribution(["int8", "none"])
    study = optuna.create_study(direction="maximize")
    for number in range(30):
        params: dict[str, Any] = {"student.kind": students.choices[number % 3]}
        distributions: dict[str, BaseDistribution] = {"student.kind": students, "compression.kind": compressions}
        # By chance, nothing but what is not `average` was compressed.
        params["compression.kind"] = "none" if params["student.kind"] == "average" or number < 3 else "int8"
        if params["student.kind"] != "average":
            params |= {name: float(rng.random()) for name in BRANCH}
            distributions |= BRANCH
        value = params.get("student.dropout", 0.0)
        study.add_trial(
            optuna.create_trial(params=params, distributions=distributions, value=value, user_attrs={"config": {}})
        )
    found = {one.group: (one.n_trials, set(one.shares)) for one in importances(study, ("accuracy",))}
    assert found == {
        "": (30, {"compression.kind", "student.kind"}),
        "student.kind=bilstm|textcnn": (20, set(BRANCH)),
    }


def test_the_table_names_every_parameter() -> None:
    found = importances(study_of(by_hand), ("accuracy",))
    table = importance_table(found)
    assert list(table.columns[2].cells)[:4] == list(found[0].shares)
    assert next(iter(table.columns[1].cells)) == "all (60 trials)"


def config_of(**search: Any) -> StudyConfig:
    return StudyConfig.model_construct(search=SearchConfig(**search), metric=MetricConfig())


def test_what_a_search_kept_at_its_end_is_read_and_not_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = Folder(Place(str(tmp_path))), config_of()
    study = study_of(by_hand)
    found = importances(study, config.objective_names)
    assert importances_of(study, config, folder) == found
    keep_importances(found, study, config, folder)
    monkeypatch.setattr("distune.tuning.search.importance.importances", lambda *asked: ["computed", *asked[2:]])
    assert importances_of(study, config, folder) == found
    # Asked for otherwise than it was kept.
    assert importances_of(study, config_of(importance="mdi"), folder) == ["computed", "mdi"]
    # The search has gone on since.
    study.add_trial(study.trials[0])
    assert importances_of(study, config, folder) == ["computed", "fanova"]


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"found": 1'])
def test_what_was_kept_and_is_damaged_is_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    folder = Folder(Place(str(tmp_path)))
    (tmp_path / "importance.json").write_text(damaged)
    monkeypatch.setattr("distune.tuning.search.importance.importances", lambda *asked: ["computed"])
    assert importances_of(study_of(by_hand), config_of(), folder) == ["computed"]


@pytest.mark.parametrize("share", ["1e999", "-0.5", "0.25", "9"])
def test_kept_shares_that_are_none_are_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: str
) -> None:
    study, config, folder = study_of(by_hand), config_of(), Folder(Place(str(tmp_path)))
    monkeypatch.setattr("distune.tuning.search.importance.importances", lambda *asked: ["computed"])
    keep_importances([Importance("accuracy", "", 4, {"learning_rate": 0.5, "epochs": 0.5})], study, config, folder)
    kept = importances_of(study, config, folder)
    assert kept == [Importance("accuracy", "", 4, {"learning_rate": 0.5, "epochs": 0.5})]
    content = (tmp_path / "importance.json").read_text()
    (tmp_path / "importance.json").write_text(content.replace("0.5", share, 1))
    assert importances_of(study, config, folder) == ["computed"]
