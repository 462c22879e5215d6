"""What MLflow holds of a search that has ended, by its client and on its own pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from playwright.sync_api import Browser

from distune.cluster.programs import free_ports
from distune.tuning.storage.records import Epoch, records_in
from distune.tuning.tracking.runs import Tracker
from tests.browsers import browser, needs_chromium
from tests.making.ended import Ended
from tests.ray_nodes import wait_until

__all__ = ["browser"]  # A fixture.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def test_mlflow_has_one_finished_parent_and_a_child_for_each_trial(ended: Ended) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {int(run.data.tags["distune.trial"]): run for run in runs if run not in parents}
    assert [parent.info.status for parent in parents] == ["FINISHED"]
    assert sorted(children) == [0, 1, 2, 3, 4]
    for record in records_in(ended.study.config, ended.folder):
        run = children[record.number]
        assert run.data.params["learning_rate"] == str(record.config.learning_rate)
        assert run.data.params["student.kind"] == record.config.student.kind
        assert run.data.tags["distune.state"] == record.state
        assert run.info.status == ("FAILED" if record.state == "failed" else "FINISHED")
        if record.state == "complete":
            history = client.get_metric_history(run.info.run_id, "epoch/accuracy")
            assert [point.step for point in history] == [1, 2]
            assert max(point.value for point in history) == record.score == run.data.metrics["accuracy"]
            assert run.data.metrics["latency_ms"] == record.latency_ms
            assert 0 < run.data.metrics["teacher_ratio"] < 3
            assert 0 < run.data.metrics["size_mb"] < 1
    kept = {artifact.path for artifact in client.list_artifacts(parents[0].info.run_id)}
    assert {"study.yaml", "packages.json", "table.txt", "results.json", "report.html"} <= kept
    assert parents[0].data.metrics["teacher/p50_ms"] > 0
    note = parents[0].data.tags["mlflow.note.content"]
    assert note.startswith("**Keeps ")
    assert re.fullmatch(r"tiny: .* [01]\.\d{3}, [\d.]+ ms", parents[0].info.run_name)
    assert all(run.data.tags["mlflow.source.name"] for run in runs)
    for number, run in children.items():
        kind = {"bilstm": "biLSTM"}.get(run.data.params["student.kind"], run.data.params["student.kind"])
        assert run.info.run_name.startswith(f"tiny {number}: {kind}")
    assert "| dev accuracy |" in note
    assert f"`distune pull {ended.folder} my-student`" in note
    assert "Registered as `tiny-student` version 1, alias `champion` (the first of its name)" in note
    assert "`distune pull tiny-student/1 my-student`" in note
    finalists = [run for run in children.values() if "speedup" in run.data.metrics]
    assert len(finalists) == 2
    assert all(run.data.tags["distune.finalist"] == "yes" for run in finalists)
    (champion,) = [run for run in finalists if run.data.tags.get("distune.champion") == "yes"]
    assert champion.info.run_name.endswith(" ms, champion")
    assert champion.data.tags["mlflow.note.content"].startswith(
        "**The champion, retrained and timed alone: dev accuracy "
    )
    assert all("It ended as " in run.data.tags["mlflow.note.content"] for run in children.values())
    assert champion.data.tags["distune.trial"] == parents[0].data.tags["distune.champion_trial"]
    for name in ("size_mb", "teacher_ratio", "speedup"):
        assert champion.data.metrics[name] == parents[0].data.metrics[name]
    assert champion.data.metrics["final/p50_ms"] == parents[0].data.metrics["latency_ms"]


def test_an_epoch_that_a_killed_driver_has_told_of_is_not_told_twice(ended: Ended, store: str) -> None:
    tracking = ended.study.config.tracking.model_copy(update={"uri": store})
    config = ended.study.config.model_copy(update={"tracking": tracking})
    record = replace(records_in(ended.study.config, ended.folder)[0], state="running")
    killed = Tracker(config, 0.9)
    killed.started(record)
    for epoch in (1, 2):
        killed.reported(record.number, {"score": 0.5 + epoch / 10}, epoch)
    resumed = Tracker(config, 0.9, killed.run_id)
    resumed.started(record)
    for epoch in (2, 3):  # The epoch was told of, and its driver killed, before the trial's end was known.
        resumed.reported(record.number, {"score": 0.5 + epoch / 10}, epoch)
    client = MlflowClient(store)
    (child,) = client.search_runs([client.get_run(killed.run_id).info.experiment_id], "tags.`distune.trial` = '0'")
    history = client.get_metric_history(child.info.run_id, "epoch/accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.6), (2, 0.7), (3, 0.8)]


def test_the_epochs_that_a_killed_driver_had_not_told_of_are_told_by_the_next_one(ended: Ended, store: str) -> None:
    tracking = ended.study.config.tracking.model_copy(update={"uri": store})
    config = ended.study.config.model_copy(update={"tracking": tracking})
    begun, unheard = (
        replace(record, state="complete", curve=tuple(Epoch(n, 0.5 + n / 10, 1 / n) for n in (1, 2, 4)))
        for record in records_in(ended.study.config, ended.folder)[:2]
    )
    killed = Tracker(config, 0.9)
    killed.started(replace(begun, state="running"))
    killed.reported(begun.number, {"score": 0.6, "loss": 1.0}, 1)
    Tracker(config, 0.9, killed.run_id).reconcile([begun, unheard])
    client = MlflowClient(store)
    children = client.search_runs([client.get_run(killed.run_id).info.experiment_id], "tags.`distune.trial` != ''")
    assert sorted(run.data.tags["distune.trial"] for run in children) == ["0", "1"]
    for run in children:
        assert run.info.status == "FINISHED"
        for name, told in (("accuracy", [(1, 0.6), (2, 0.7), (4, 0.9)]), ("loss", [(1, 1.0), (2, 0.5), (4, 0.25)])):
            history = client.get_metric_history(run.info.run_id, f"epoch/{name}")
            assert [(point.step, point.value) for point in history] == told


def test_of_a_teacher_that_is_never_right_no_share_is_recorded(ended: Ended, store: str) -> None:
    tracking = ended.study.config.tracking.model_copy(update={"uri": store})
    tracker = Tracker(ended.study.config.model_copy(update={"tracking": tracking}), 0.0)
    record = records_in(ended.study.config, ended.folder)[0]
    tracker.started(record)
    tracker.ended(record)
    client = MlflowClient(store)
    (child,) = client.search_runs([client.get_run(tracker.run_id).info.experiment_id], "tags.`distune.trial` = '0'")
    assert child.data.metrics["accuracy"] == record.score
    assert "teacher_ratio" not in child.data.metrics


def test_mlflow_knows_what_was_read_and_which_trial_made_the_model(ended: Ended) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    version = client.get_model_version_by_alias("tiny-student", "champion")
    parent = client.get_run(version.run_id)
    sources = {one.tags[0].value: one.dataset for one in parent.inputs.dataset_inputs}
    tags = parent.data.tags
    assert sources["corpus"].digest == f"{tags['distune.corpus']}-{tags['distune.answers']}"
    assert sources["teacher"].digest == tags["distune.teacher"]
    assert json.loads(sources["corpus"].profile)["train_texts"] == 20
    assert json.loads(sources["teacher"].profile)["dev_accuracy"] == parent.data.metrics["teacher/dev_accuracy"]
    trial = parent.data.tags["distune.champion_trial"]
    (child,) = client.search_runs([parent.info.experiment_id], f"tags.`distune.trial` = '{trial}'")
    (model_id,) = [one.model_id for one in child.outputs.model_outputs]
    model = client.get_logged_model(model_id)
    assert version.source == f"models:/{model_id}"
    assert model.source_run_id == parent.info.run_id
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "tiny-student", "version": version.version}]
    assert {metric.key for metric in model.metrics} >= {"final/dev_accuracy", "final/p50_ms", "speedup"}


def test_the_registered_version_is_described_by_its_card(ended: Ended) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    assert "serve" in client.get_registered_model("tiny-student").description
    version = client.get_model_version_by_alias("tiny-student", "champion")
    assert version.description.startswith("Keeps ")
    assert len(re.findall(r"keeps (all|[\d.]+ %) of the teacher", version.description, re.I)) == 1
    assert client.get_registered_model("tiny-student").description.startswith("**Keeps ")
    assert "95 % confidence interval" in version.description


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def ui(ended: Ended) -> Iterator[str]:
    """The address of MLflow's UI, as `distune ui` starts it for the store that the environment names."""
    (port,) = free_ports([0])
    program = [sys.executable, "-m", "distune", "ui", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ended.study.config.tracking.uri}
    with subprocess.Popen(
        program, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), 300, every_s=1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def test_distune_ui_shows_the_store_that_the_environment_names(ended: Ended, ui: str) -> None:
    (experiment,) = [one for one in MlflowClient(ui).search_experiments() if one.name == "tiny"]
    assert len(MlflowClient(ui).search_runs([experiment.experiment_id])) == 6


@needs_chromium
def test_mlflows_own_pages_show_search_trials_curves_and_champion(ended: Ended, ui: str, browser: Browser) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    version = client.get_model_version_by_alias("tiny-student", "champion")
    parent = client.get_run(version.run_id)
    experiment, trial = parent.info.experiment_id, parent.data.tags["distune.champion_trial"]
    (child,) = client.search_runs([experiment], f"tags.`distune.trial` = '{trial}'")
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(300_000)
    runs = f"{ui}/#/experiments/{experiment}/runs"
    page.goto(f"{runs}/{parent.info.run_id}")
    page.get_by_text("distilled champion").first.wait_for()  # the table of its description
    for shown in ("tickets.csv", "tiny-student", "distune.champion_trial", f"tiny {trial}: "):
        page.get_by_text(shown).first.wait_for()
    page.goto(f"{runs}/{child.info.run_id}/model-metrics")
    page.locator(".main-svg .lines path.js-line").first.wait_for(state="attached")  # the curve of an epoch's metric
    page.goto(f"{runs}/{parent.info.run_id}/artifacts/report.html")
    page.frame_locator("iframe").locator("#picture-front .main-svg").first.wait_for()
    page.goto(f"{ui}/#/models/tiny-student/versions/{version.version}")
    page.get_by_text("champion").first.wait_for()
    page.get_by_text("95 % confidence interval").first.wait_for()
    page.close()
