from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any, Literal

import pytest
from mlflow.tracking import MlflowClient

from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.entries import trial_note
from distune.tuning.tracking.store import page_of_last_search
from distune.tuning.tracking.view import figures, source_tags, trial_name, view_tags
from distune.tuning.trial.config import TrialConfig


def record(state: Literal["running", "complete", "pruned"], kind: str = "bilstm") -> TrialRecord:
    config = TrialConfig.model_validate({"student": {"kind": kind}})
    measured: dict[str, Any] = {} if state == "running" else {"score": 0.8412, "latency_ms": 0.0512}
    return TrialRecord(number=3, config=config, state=state, **measured)


def test_the_run_of_a_trial_is_called_by_what_it_is_and_how_it_ended() -> None:
    assert trial_name("reviews", record("running")) == "reviews 3: biLSTM"
    assert trial_name("reviews", record("complete")) == "reviews 3: biLSTM 0.841, 0.051 ms"
    assert trial_name("reviews", record("pruned", "average")) == "reviews 3: average, pruned"


def test_a_trial_is_described_by_its_settings_its_end_and_what_its_time_is() -> None:
    said = trial_note(replace(record("pruned"), epochs=2, error="ValueError: no"))
    assert said.startswith("words · word2vec · bilstm · ")
    assert said.endswith(
        "It ended as pruned after 2 of 6 epochs; `traceback.txt`, among the artifacts, says why. Its `latency_ms` is a hint, "
        "measured while other trials ran."
    )
    assert "hint" not in trial_note(record("running"))


@pytest.mark.parametrize(
    ("latency_ms", "shown"), [(0.00456, "0.0046 ms"), (0.05, "0.05 ms"), (9.96, "10 ms"), (123.4, "123 ms")]
)
def test_a_latency_has_two_digits(latency_ms: float, shown: str) -> None:
    assert figures(0.9, latency_ms) == f"0.900, {shown}"


@pytest.mark.parametrize(
    ("program", "variables", "source"),
    [
        ("/opt/bin/distune", {}, ("distune search", "LOCAL")),
        ("/opt/distune/__main__.py", {}, ("distune search", "LOCAL")),
        ("/opt/bin/distune", {"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, ("distune search", "JOB")),
        ("/home/me/nightly.py", {}, ("/home/me/nightly.py", "LOCAL")),
        ("/opt/ipykernel_launcher.py", {"JPY_SESSION_NAME": "评论.ipynb"}, ("评论.ipynb", "NOTEBOOK")),
        ("", {}, ("python", "LOCAL")),
    ],
)
def test_the_source_of_a_run_is_what_was_started(
    monkeypatch: pytest.MonkeyPatch, program: str, variables: dict[str, str], source: tuple[str, str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "search"])
    for name in ("RAY_JOB_CONFIG_JSON_ENV_VAR", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tags = source_tags()
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == source


def test_the_saved_view_has_the_form_that_mlflows_page_reads() -> None:
    saved = json.loads(view_tags(5)["mlflow.sharedViewState.distune"])
    assert (saved["name"], saved["createdAt"]) == ("Distune", 5)
    assert json.loads(saved["state"])["selectedColumns"][:4] == [
        "metrics.`accuracy`",
        "metrics.`latency_ms`",
        "metrics.`final/dev_accuracy`",
        "metrics.`final/p50_ms`",
    ]


def test_the_ui_opens_at_the_runs_of_the_last_search_of_whichever_version(store: str) -> None:
    client = MlflowClient(store)
    old, new = client.create_experiment("old"), client.create_experiment("new")
    assert page_of_last_search(store) == ""
    client.create_run(old, start_time=1, tags={"distune.study": "old"})
    client.create_run(new, start_time=3)  # Of another program.
    assert page_of_last_search(store) == f"/#/experiments/{old}/runs?workflowType=machine_learning"
    client.create_run(new, start_time=2, tags={"distune.study": "new"})
    for name, value in view_tags(5).items():
        client.set_experiment_tag(new, name, value)
    page = f"/#/experiments/{new}/runs?workflowType=machine_learning&viewStateShareKey=distune"
    assert page_of_last_search(store) == page


def test_a_store_that_cannot_be_read_is_refused_in_a_line() -> None:
    with pytest.raises(StudyError, match=r"--uri: the MLflow store postgresql://127.0.0.1:1/db cannot be used"):
        page_of_last_search("postgresql://127.0.0.1:1/db")
