from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from distune.corpora.places import Place
from distune.tuning.search import worker
from distune.tuning.search.worker import Assignment, WorkerInputs, savepoint_at, skips_at, work
from distune.tuning.storage.paths import Folder, TrialPlace
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import inputs_key
from tests.conftest import prepared_study
from tests.making.reviews import tiny_document

ROOT = Path(__file__).resolve().parents[3]
Inputs = dict[str, WorkerInputs]


@pytest.fixture
def place(tmp_path: Path) -> TrialPlace:
    return TrialPlace(Place(str(tmp_path / "trials" / "5")))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path) -> Inputs:
    """What all trials of the tiny study read, and none writes."""
    study = Study(tiny_document(tmp_path_factory.mktemp("inputs"), reviews_csv, teacher_folder))
    config = TrialConfig.model_validate(midpoint(study.space))
    return {key: WorkerInputs.of(value) for key, value in prepared_study(study, only=config).inputs.items()}


class Job:
    """One trial as a worker gets it, and what it reported."""

    def __init__(self, document: dict[str, Any], inputs: Inputs, tmp_path: Path, **settings: Any):
        self.config = TrialConfig.model_validate(midpoint(Study(document).space)).model_copy(update=settings)
        self.inputs = inputs
        self.assignment = Assignment(folder=Folder(Place(str(tmp_path))), threads=1, budget_ms=None, timeout_s=None)
        self.reports: list[dict[str, Any]] = []

    @property
    def proposal(self) -> dict[str, Any]:
        return {"number": 5, "trial": self.config.model_dump(mode="json"), "hint": None}

    def run(self) -> list[dict[str, Any]]:
        work(self.proposal, self.inputs, self.assignment, self.reports.append)
        return self.reports


def test_a_trial_reports_each_epoch(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    reports = Job(document, inputs, tmp_path).run()
    assert [report["epoch"] for report in reports] == [1, 2]
    assert set(reports[0]) == {"epoch", "loss", "score", "best_score", "latency_ms", "size_mb"}


def test_a_second_attempt_goes_on_after_the_last_epoch(
    document: dict[str, Any], inputs: Inputs, tmp_path: Path
) -> None:
    job = Job(document, inputs, tmp_path)
    whole = job.run()
    job.reports = []
    again = job.run()  # The first epoch is in the storage: nobody has removed it.
    assert [report["epoch"] for report in again] == [2]
    assert again[0]["best_score"] == whole[1]["best_score"]


def test_a_failure_is_reported_with_its_traceback_and_is_in_the_log(
    document: dict[str, Any], inputs: Inputs, tmp_path: Path
) -> None:
    document["trial"]["loss"] = {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}}
    job = Job(document, inputs, tmp_path, learning_rate=1e30)
    (report,) = [report for report in job.run() if "failed" in report]
    assert "FloatingPointError: the loss became" in report["failed"]
    log = (tmp_path / "trials" / "5" / "log.txt").read_text(encoding="utf-8")
    assert "attempt in process" in log
    assert "FloatingPointError" in log


def test_a_trial_far_over_its_budget_is_not_trained(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    job = Job(document, inputs, tmp_path)
    job.assignment = replace(job.assignment, budget_ms=1e-6)
    (report,) = job.run()
    assert report["infeasible"]
    assert report["over_budget_ms"] == pytest.approx(report["latency_ms"], rel=1e-3)


def test_a_trial_that_timed_out_is_not_begun_again(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    job = Job(document, inputs, tmp_path)
    job.assignment.folder.trial(5).timed_out.write_text("it was ended after trial_timeout_s=3")
    assert job.run() == [{"failed": "it was ended after trial_timeout_s=3"}]


def test_a_trial_that_somebody_skips_ends_after_its_epoch(
    document: dict[str, Any], inputs: Inputs, tmp_path: Path
) -> None:
    document["trial"]["epochs"] = 5
    job = Job(document, inputs, tmp_path)
    work(job.proposal, job.inputs, job.assignment, skipping(job))
    assert [report.get("epoch", report.get("skipped")) for report in job.reports] == [1, "skipped by a person"]
    job.reports.clear()
    assert job.run() == [{"skipped": "skipped by a person"}]  # As a worker that was killed meanwhile finds it.


def skipping(job: Job) -> Callable[[dict[str, Any]], None]:
    """A report by which somebody asks for the trial to be skipped."""

    def report(metrics: dict[str, Any]) -> None:
        job.reports.append(metrics)
        job.assignment.folder.trial(5).skip.write_text("skipped by a person")

    return report


def test_the_last_epoch_of_a_trial_is_not_thrown_away(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    document["trial"]["epochs"] = 1
    job = Job(document, inputs, tmp_path)
    work(job.proposal, job.inputs, job.assignment, skipping(job))
    assert [report["epoch"] for report in job.reports] == [1]


def test_a_worker_looks_at_a_distant_storage_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now: list[float] = [100.0]
    looks: list[float] = []
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Place, "is_file", lambda self: looks.append(now[0]))
    look = skips_at(TrialPlace(Place("s3://bucket/trials/5")))
    for _ in range(5):
        look()
        now[0] += 0.5
    assert looks == [100.0, 101.0, 102.0]


def test_the_data_of_a_trial_is_found_by_its_key(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    job = Job(document, inputs, tmp_path)
    assert set(job.inputs) == {inputs_key(job.config)}


def test_saving_takes_no_more_than_a_tenth_of_the_time(place: TrialPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    savepoint = savepoint_at(place)
    saved: list[float] = []

    def state() -> dict[str, torch.Tensor]:
        saved.append(now[0])
        now[0] += 2  # What it costs.
        return {"a": torch.zeros(1)}

    for _ in range(20):
        now[0] += 5  # An epoch.
        savepoint.save(state)
    # After the first, 20 s must lie between two that cost 2 s each.
    assert saved == [5, 27, 49, 71, 93]


def test_a_cheap_state_is_saved_each_epoch(place: TrialPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.time, "monotonic", lambda: 0.0)  # Nothing is cheaper, whatever the disk is.
    savepoint = savepoint_at(place)
    for number in range(3):
        savepoint.save(lambda number=number: {"a": torch.tensor(number)})
        found = savepoint.load()
        assert found is not None
        assert int(found["a"]) == number


def test_a_storage_that_is_away_costs_no_trial(place: TrialPlace, capsys: pytest.CaptureFixture[str]) -> None:
    savepoint = savepoint_at(TrialPlace(Place(f"{place.place.path}/file")))
    Path(str(place.place)).mkdir(parents=True)
    (Path(str(place.place)) / "file").write_text("in the way", encoding="utf-8")
    savepoint.save(lambda: {"a": torch.zeros(1)})
    assert "the training could not be kept" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["log", "training", "trial"])
def test_a_full_disk_is_no_failure_of_a_trial(
    document: dict[str, Any], inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    job = Job(document, inputs, tmp_path)

    def full(*arguments: Any, **settings: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "log":
        (tmp_path / "trials" / "5").mkdir(parents=True)
        (tmp_path / "trials" / "5" / "log.txt").symlink_to("/dev/full")
    elif where == "training":
        monkeypatch.setattr(Path, "replace", full)
    else:  # As where a compression writes a graph into a temporary folder.
        monkeypatch.setattr(worker, "run_trial", full)
    reports = job.run()
    if where == "trial":
        assert [list(report) for report in reports] == [["disk"]]
        assert re.fullmatch(r"cannot write .*: no space is left; .* MB are free there \(on .*\)", reports[0]["disk"])
    else:
        assert [report["epoch"] for report in reports] == [1, 2]
    assert [path.name for path in (tmp_path / "trials" / "5").iterdir() if "training" in path.name] == (
        ["training.safetensors"] if where == "log" else []
    )


def test_a_damaged_training_is_begun_anew(document: dict[str, Any], inputs: Inputs, tmp_path: Path) -> None:
    job = Job(document, inputs, tmp_path)
    job.assignment.folder.trial(5).training.write_bytes(b"")
    assert [report["epoch"] for report in job.run()] == [1, 2]
    assert "is damaged (Error while deserializing: header too small); the training begins again" in (
        tmp_path / "trials" / "5" / "log.txt"
    ).read_text(encoding="utf-8")


def test_there_is_nothing_to_load_at_first(place: TrialPlace) -> None:
    assert savepoint_at(place).load() is None


def test_workers_import_nothing_that_takes_seconds() -> None:
    program = "import sys, distune.tuning.search.worker, distune.tuning.trial.tasks; print([m for m in sys.argv[1:] if m in sys.modules])"
    of_others = ["transformers", "gensim", "mlflow", "scipy", "sklearn", "pandas", "optuna", "ray", "rich", "onnx"]
    parts = ["onnxruntime", "torch._dynamo", "sympy", "pyarrow.parquet", "distune.corpora.files", "jieba", "rjieba"]
    found = subprocess.run(
        [sys.executable, "-c", program, *of_others, *parts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"


def test_a_training_that_was_kept_and_is_damaged_begins_anew_and_says_so(
    place: TrialPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    savepoint = savepoint_at(place)
    savepoint.save(lambda: {"a": torch.zeros(1)})
    place.training.write_bytes(place.training.read_bytes()[:-2])
    assert savepoint.load() is None
    assert "training.safetensors is damaged" in capsys.readouterr().err
