"""The whole walk on real Ray, a real MLflow store and real processes, with a tiny teacher and tiny students."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import ray
from mlflow.tracking import MlflowClient
from playwright.sync_api import Browser
from rich.console import Console
from transformers import BertForSequenceClassification

from benchmarks.ray_nodes import wait_until
from cluster.programs import free_ports
from corpora.encoding import load_encoder
from models.predictor import Predictor, check_folder
from tests.browsers import browser, needs_chromium
from tests.conftest import reviews, tiny_document
from tuning.answers import read_answers
from tuning.candidates import Candidate
from tuning.cli import main
from tuning.faults import StudyError
from tuning.folder import Folder, search_folders
from tuning.records import records_in
from tuning.registry import log_model, pull, register
from tuning.session import cache, search
from tuning.study import Study, parse_study
from tuning.verdict import NoChampionError

__all__ = ["browser"]  # A fixture.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ended:
    """A search that has ended: its study, its folder, what it printed, and how often the teacher answered and when."""

    study: Study
    folder: Folder
    output: str
    forwards_before_timing: int
    forwards: int
    clusters_while_timing: int


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path) -> dict[str, Any]:
    document = tiny_document(tmp_path_factory.mktemp("walk"), reviews_csv, teacher_folder)
    document["search"] |= {"trials": 5, "finalists": 2}
    # The third value makes any loss overflow: that trial must fail alone.
    document["trial"]["learning_rate"] = {"choice": [0.01, 0.02, 1e30]}
    return document


@pytest.fixture(scope="module")
def ended(tiny: dict[str, Any]) -> Ended:
    study = parse_study(tiny)
    cache(study, False, None, "", Console(file=io.StringIO()))
    counts = {"all": 0, "before timing": -1}
    forward = BertForSequenceClassification.forward

    def counting(self: Any, *arguments: Any, **settings: Any) -> Any:
        counts["all"] += 1
        return forward(self, *arguments, **settings)

    import tuning.session

    judge = tuning.session.judge

    def noting(*arguments: Any) -> Any:
        counts["before timing"] = counts["all"]
        counts["clusters while timing"] = int(ray.is_initialized())
        return judge(*arguments)

    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BertForSequenceClassification, "forward", counting)
        patch.setattr("tuning.session.judge", noting)
        folder = search(study, Console(file=stream, width=200))
    return Ended(
        study, folder, stream.getvalue(), counts["before timing"], counts["all"], counts["clusters while timing"]
    )


def test_a_search_on_a_warm_cache_never_asks_the_teacher_until_it_is_timed(ended: Ended) -> None:
    assert ended.forwards_before_timing == 0
    assert ended.forwards > 0
    assert "the teacher is not run" in ended.output


def test_nothing_of_the_cluster_runs_beside_the_timing(ended: Ended) -> None:
    assert ended.clusters_while_timing == 0


def test_failed_trials_are_recorded_with_their_traceback_and_do_not_end_the_search(ended: Ended) -> None:
    records = records_in(ended.study.config, ended.folder)
    assert len(records) == 5
    for record in records:
        failed = record.config.learning_rate == 1e30
        assert (record.state == "failed") == failed
        assert ("FloatingPointError" in str(record.error)) == failed
    assert {record.state for record in records} == {"complete", "failed"}


def test_the_plain_student_is_the_first_trial(ended: Ended) -> None:
    records = records_in(ended.study.config, ended.folder)
    assert [record.config.loss.is_plain for record in records] == [True, False, False, False, False]


def test_the_table_names_teacher_student_alone_and_champion(ended: Ended) -> None:
    table = ended.folder.table.read_text()
    assert table in ended.output
    for words in ("teacher", "student alone", "distilled champion", "dev accuracy", "test macro-F1", "times faster"):
        assert words in table
    assert "p50 ms" in table


def test_results_hold_each_seed_and_each_stage(ended: Ended) -> None:
    results = json.loads((ended.folder.place / "results.json").read_text())
    assert len(results["finalists"]) == 2
    for finalist in results["finalists"]:
        assert len(finalist["dev_accuracy"]) == len(finalist["plain_dev_accuracy"]) == 2
        assert set(finalist["onnxruntime"]["stages_ms"]) == {"segmentation", "encoding", "network"}
    assert results["champion"] in [finalist["trial"] for finalist in results["finalists"]]


def test_the_answers_of_champion_and_teacher_are_those_of_the_table(ended: Ended) -> None:
    results = json.loads((ended.folder.place / "results.json").read_text())
    answers = read_answers(ended.folder.place / "answers.parquet")
    assert answers.trial == results["champion"]
    assert len(answers.texts) == results["texts"]["test"]
    teacher, _, champion = (column["quality"] for column in results["columns"])
    assert (answers.teacher.argmax(1) == answers.labels).mean() == pytest.approx(teacher["test_accuracy"]["mean"])
    student = Predictor(str(ended.folder.place / "champion"), load_encoder(Path(str(ended.folder)) / "champion"))
    np.testing.assert_allclose(student.logits(answers.texts[:8]), answers.student[:8], atol=1e-4)  # as served
    agreement = (answers.teacher.argmax(1) == answers.student.argmax(1)).mean()
    assert agreement == pytest.approx(champion["agreement"]["mean"], abs=3 * champion["agreement"]["sd"] + 1e-9)
    assert len(results["columns"][0]["latency"]["quantiles_ms"]) == 101


def test_the_page_and_the_pictures_are_written_before_the_search_ends(ended: Ended) -> None:
    page = ended.folder.report.read_text()
    assert "The champion is trial" in page
    assert "has not ended" not in page
    names = ended.folder.pictures.names()
    assert {"front.html", "curves.html", "calibration.html", "latency.html", "plotly.min.js"} <= set(names)
    said_why_not = "no PNGs of the pictures" in ended.output
    assert ("front.png" in names) != said_why_not
    assert [epoch.number for epoch in records_in(ended.study.config, ended.folder)[0].curve] == [1, 2]


def test_the_page_is_written_again_of_a_folder_or_elsewhere(ended: Ended, tmp_path: Path) -> None:
    elsewhere = tmp_path / "page.html"
    with pytest.raises(SystemExit) as caught:
        main(["report", str(ended.folder), "--out", str(elsewhere)])
    assert caught.value.code == 0
    assert "The champion is trial" in elsewhere.read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(ended.folder), str(ended.folder), "--out", str(tmp_path / "fronts.html")])
    assert caught.value.code == 0


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
            assert max(point.value for point in history) == record.accuracy == run.data.metrics["accuracy"]
            assert run.data.metrics["latency_ms"] == record.latency_ms
            assert 0 < run.data.metrics["teacher_ratio"] < 3
            assert 0 < run.data.metrics["size_mb"] < 1
    kept = {artifact.path for artifact in client.list_artifacts(parents[0].info.run_id)}
    assert {"study.yaml", "packages.json", "table.txt", "results.json", "report.html"} <= kept
    assert parents[0].data.metrics["teacher/p50_ms"] > 0
    note = parents[0].data.tags["mlflow.note.content"]
    assert "| dev accuracy |" in note
    assert f"`distune pull {ended.folder} my-student`" in note
    assert "Registered as `tiny-student` version 1, alias `champion` (the first of its name)" in note
    assert "`distune pull tiny-student/1 my-student`" in note
    finalists = [run for run in children.values() if "speedup" in run.data.metrics]
    assert len(finalists) == 2
    assert all(run.data.tags["distune.finalist"] == "yes" for run in finalists)
    (champion,) = [run for run in finalists if run.data.tags.get("distune.champion") == "yes"]
    assert champion.data.tags["distune.trial"] == parents[0].data.tags["distune.champion_trial"]
    for name in ("size_mb", "teacher_ratio", "speedup"):
        assert champion.data.metrics[name] == parents[0].data.metrics[name]
    assert champion.data.metrics["final/p50_ms"] == parents[0].data.metrics["latency_ms"]


def test_mlflow_knows_what_was_read_and_which_trial_made_the_model(ended: Ended) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    version = client.get_model_version_by_alias("tiny-student", "champion")
    parent = client.get_run(version.run_id)
    sources = {one.tags[0].value: one.dataset for one in parent.inputs.dataset_inputs}
    assert (sources["corpus"].digest, sources["teacher"].digest) == tuple(
        parent.data.tags[name] for name in ("distune.corpus", "distune.teacher")
    )
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
    assert version.description.startswith("# tiny-student\n")
    assert "95 % confidence interval" in version.description


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def ui(ended: Ended) -> Iterator[str]:
    """The address of MLflow's UI, as `distune ui` starts it."""
    (port,) = free_ports([0])
    program = [sys.executable, "-m", "tuning.cli", "ui", "--uri", ended.study.config.tracking.uri, "--port", str(port)]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), 120, every_s=1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@needs_chromium
def test_mlflows_own_pages_show_search_trials_curves_and_champion(ended: Ended, ui: str, browser: Browser) -> None:
    client = MlflowClient(ended.study.config.tracking.uri)
    version = client.get_model_version_by_alias("tiny-student", "champion")
    parent = client.get_run(version.run_id)
    experiment, trial = parent.info.experiment_id, parent.data.tags["distune.champion_trial"]
    (child,) = client.search_runs([experiment], f"tags.`distune.trial` = '{trial}'")
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(60_000)
    runs = f"{ui}/#/experiments/{experiment}/runs"
    page.goto(f"{runs}/{parent.info.run_id}")
    page.get_by_text("distilled champion").first.wait_for()  # the table of its description
    for shown in ("reviews.csv", "tiny-student", "distune.champion_trial", f"trial-{trial}"):
        page.get_by_text(shown).first.wait_for()
    page.goto(f"{runs}/{child.info.run_id}/model-metrics")
    page.locator(".main-svg .lines path.js-line").first.wait_for(state="attached")  # the curve of an epoch's metric
    page.goto(f"{runs}/{parent.info.run_id}/artifacts/report.html")
    page.frame_locator("iframe").locator("#picture-front .main-svg").first.wait_for()
    page.goto(f"{ui}/#/models/tiny-student/versions/{version.version}")
    page.get_by_text("champion").first.wait_for()
    page.get_by_text("95 % confidence interval").first.wait_for()
    page.close()


def test_the_champion_is_pulled_and_answers_like_the_pyfunc(ended: Ended, tmp_path: Path) -> None:
    uri = ended.study.config.tracking.uri
    folder = pull(uri, "tiny-student", tmp_path / "student")
    check_folder(folder)
    assert "distilled champion" in (folder / "README.md").read_text(encoding="utf-8")
    texts = [text for text, _ in reviews(10)]
    answers = list(Predictor(folder, load_encoder(folder)).answers(texts))
    mlflow.set_tracking_uri(uri)
    table = mlflow.pyfunc.load_model("models:/tiny-student@champion").predict(pd.DataFrame({"text": texts}))
    assert table["label"].tolist() == [answer["label"] for answer in answers]
    probabilities = [answer["probabilities"]["1"] for answer in answers]
    np.testing.assert_allclose(table["probability_1"], probabilities, atol=1e-6)


def test_a_folder_of_results_and_a_run_are_pulled_as_well(ended: Ended, tmp_path: Path) -> None:
    uri = ended.study.config.tracking.uri
    version = MlflowClient(uri).get_model_version_by_alias("tiny-student", "champion")
    weights = []
    for name, reference in enumerate((f"runs:/{version.run_id}/student", str(ended.folder), "tiny-student/1")):
        folder = pull(uri, reference, tmp_path / str(name))
        check_folder(folder)
        weights.append((folder / "weights.safetensors").read_bytes())
    assert len(set(weights)) == 1
    with pytest.raises(StudyError, match="holds neither a checkpoint nor the results of a search"):
        pull(uri, str(tmp_path), tmp_path / "out")


def test_a_later_version_takes_the_alias_only_if_it_wins(ended: Ended, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("e")).info.run_id
    checkpoint = Path(str(ended.folder)) / "champion"
    found = []
    for accuracy in (0.8, 0.7, 0.9):
        candidate = Candidate("corpus", "teacher", "the rule", False, accuracy, 0.1, 50.0)
        registered = register(uri, "tiny-student", log_model(uri, run_id, checkpoint, ["好"]), candidate)
        aliases = client.get_registered_model("tiny-student").aliases
        named = [str(aliases.get(name, "")) for name in ("champion", "challenger")]
        found.append((registered.is_champion, *named, registered.reason))
    assert [one[:3] for one in found] == [(True, "1", ""), (False, "1", "2"), (True, "3", "2")]
    assert found[0][3] == "the first of its name"
    assert found[1][3] == "version 1 was the champion: dev accuracy 0.7000 against 0.8000"
    assert client.get_model_version("tiny-student", "3").tags["distune.dev_accuracy"] == "0.9"


def test_the_registered_model_carries_no_pickle_and_none_of_this_project(ended: Ended, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(ended.study.config.tracking.uri)
    model = Path(mlflow.artifacts.download_artifacts("models:/tiny-student@champion", dst_path=str(tmp_path)))
    names = {path.name for path in model.rglob("*") if path.is_file()}
    assert not any(name.endswith((".pkl", ".pickle", ".pt", ".bin")) for name in names)
    needs = (model / "requirements.txt").read_text(encoding="utf-8")
    assert {line.split("==")[0] for line in needs.split()} == {"onnxruntime", "numpy", "jieba", "pandas", "mlflow"}


def test_nothing_in_the_storage_is_a_pickle(ended: Ended) -> None:
    files = [path for path in Path(ended.study.config.storage).rglob("*") if path.is_file()]
    assert {"manifest.json", "study.yaml", "model.onnx"} <= {path.name for path in files}
    pickled = [path for path in files if path.read_bytes()[:1] == b"\x80"]
    zipped = [path for path in files if path.read_bytes()[:2] == b"PK"]  # as torch.save writes them
    assert (pickled, zipped) == ([], [])


def test_an_alias_version_or_name_that_is_not_there_is_refused(ended: Ended, tmp_path: Path) -> None:
    for reference in ("tiny-student@nobody", "tiny-student/99", "nobody"):
        with pytest.raises(StudyError, match="registered there: tiny-student"):
            pull(ended.study.config.tracking.uri, reference, tmp_path / "out")


def test_a_search_that_has_ended_is_not_resumed(ended: Ended) -> None:
    with pytest.raises(StudyError, match="has ended; its results are in"):
        search(ended.study, Console(file=io.StringIO()), resume=True)


@pytest.fixture(scope="module")
def unlucky(tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, str]:
    """A search whose rule nobody can meet, and whose third trial would go on for days."""
    root = tmp_path_factory.mktemp("unlucky")
    document = {
        **tiny,
        "champion": {"min_teacher_ratio": 50},
        "cluster": {"trial_timeout_s": 15},
        "search": {
            **tiny["search"], "trials": 3, "finalists": 1, "seeds": 1,
            "first": [{"epochs": 2}, {"epochs": 1_000_000}],
        },
        "trial": {**tiny["trial"], "learning_rate": 0.01, "epochs": {"choice": [2, 1_000_000]}},
        "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}", "register_as": "never"},
        "storage": str(root / "storage"),
    }  # fmt: skip
    study, stream = parse_study(document), io.StringIO()
    with pytest.raises(NoChampionError, match=r"no finalist is the fastest that keeps 5000\.0%"):
        search(study, Console(file=stream, width=200))
    return study, stream.getvalue()


def test_where_no_student_meets_the_rule_nothing_is_registered(unlucky: tuple[Study, str]) -> None:
    study, output = unlucky
    assert "nearest student" in output
    client = MlflowClient(study.config.tracking.uri)
    assert client.search_registered_models() == []
    assert [run.info.status for run in client.search_runs(["1"], "tags.`distune.study` = 'tiny'")] == ["FINISHED"]


def test_a_trial_that_takes_too_long_is_ended_and_says_where_it_was(unlucky: tuple[Study, str]) -> None:
    study, output = unlucky
    (folder,) = search_folders(study)
    endless = [record for record in records_in(study.config, folder) if record.config.epochs > 2]
    assert endless
    for record in endless:
        assert record.state == "failed"
        assert record.cause.startswith("it was ended after trial_timeout_s=15; where it was is in ")
        log = folder.trial(record.number).log.read_text()
        assert log.count("attempt in process") == 2  # The second found why the first had ended.
        assert "in run_trial" in log
    assert "failed: it was ended after trial_timeout_s=15" in output
