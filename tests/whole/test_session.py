"""The whole walk on real Ray, a real MLflow store and real processes, with a tiny teacher and tiny students."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from rich.console import Console

import distune
from distune.corpora.encoding import load_encoder
from distune.models.predictor import Predictor
from distune.tuning.champion.answers import read_answers, read_texts
from distune.tuning.champion.verdict import NoChampionError
from distune.tuning.cli import main
from distune.tuning.report.lines import lines_on
from distune.tuning.session import search
from distune.tuning.storage.records import records_in
from distune.tuning.storage.searches import search_folders
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.making.ended import Ended
from tests.making.reviews import reviews

pytestmark = pytest.mark.slow


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
    answers, texts = read_answers(ended.folder.answers), read_texts(ended.folder.answers)
    assert answers.trial == results["champion"]
    assert len(texts) == results["texts"]["test"]
    teacher, _, champion = (column["quality"] for column in results["columns"])
    assert (answers.teacher.argmax(1) == answers.labels).mean() == pytest.approx(teacher["test_accuracy"]["mean"])
    student = Predictor(str(ended.folder.place / "champion"), load_encoder(Path(str(ended.folder)) / "champion"))
    np.testing.assert_allclose(student.logits(texts[:8]), answers.student[:8], atol=1e-4)  # as served
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


def test_nothing_in_the_storage_is_a_pickle(ended: Ended) -> None:
    files = [path for path in Path(ended.study.config.storage).rglob("*") if path.is_file()]
    assert {"manifest.json", "study.yaml", "model.onnx"} <= {path.name for path in files}
    pickled = [path for path in files if path.read_bytes()[:1] == b"\x80"]
    zipped = [path for path in files if path.read_bytes()[:2] == b"PK"]  # as torch.save writes them
    assert (pickled, zipped) == ([], [])


def test_a_search_that_has_ended_is_not_resumed(ended: Ended) -> None:
    with pytest.raises(StudyError, match="has ended; its results are in"):
        search(ended.study, Console(file=io.StringIO()), resume=True)


def unlucky(document: dict[str, Any], root: Path, search_settings: dict[str, Any], **blocks: Any) -> tuple[Study, str]:
    """A search whose rule nobody can meet, and what it printed."""
    document = {
        **document,
        **blocks,
        "champion": {"min_teacher_ratio": 50},
        "search": {**document["search"], "finalists": 1, "seeds": 1, **search_settings},
        "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}", "register_as": "never"},
        "storage": str(root / "storage"),
    }
    study, stream = Study(document), io.StringIO()
    console = Console(file=stream, width=200)
    with (
        lines_on(console),
        pytest.raises(NoChampionError, match=r"no finalist meets the rule \(the fastest that keeps 5000 %"),
    ):
        search(study, console)
    return study, stream.getvalue()


@pytest.mark.long
@pytest.mark.usefixtures("store", "without_pngs")
def test_a_trial_that_takes_too_long_is_ended_and_where_no_student_meets_the_rule_nothing_is_registered(
    unlucky_document: dict[str, Any], tmp_path: Path
) -> None:
    # That a deadline ends its process is in test_worker.py.
    trial = {**unlucky_document["trial"], "learning_rate": 0.01, "epochs": {"choice": [2, 1_000_000]}}
    first = {"trials": 3, "first": [{"epochs": 2}, {"epochs": 1_000_000}]}
    began_s = time.monotonic()
    distune.run_trial(Study({**unlucky_document, "trial": trial, "storage": str(tmp_path / "storage")}), epochs=2)
    # The others end far before it, however busy the machine is.
    timeout_s = max(15, round(20 * (time.monotonic() - began_s)))
    study, output = unlucky(unlucky_document, tmp_path, first, trial=trial, cluster={"trial_timeout_s": timeout_s})
    (folder,) = search_folders(study)
    assert f"{folder.report}, which says what to do next" in output.replace("\n", "")
    endless = [record for record in records_in(study.config, folder) if record.config.epochs > 2]
    assert endless
    for record in endless:
        assert record.state == "failed"
        assert record.cause.startswith(f"it was ended after trial_timeout_s={timeout_s}; where it was is in ")
        log = folder.trial(record.number).log.read_text()
        # The last found why the one before had ended; what a busy machine loses beside that is begun anew.
        assert log.count("attempt in process") >= 2
        assert "in run_trial" in log
    assert f"failed: it was ended after trial_timeout_s={timeout_s}" in output
    assert "nearest student" in output
    client = MlflowClient(study.config.tracking.uri)
    assert client.search_registered_models() == []
    assert [run.info.status for run in client.search_runs(["1"], "tags.`distune.study` = 'tiny'")] == ["FINISHED"]


@pytest.mark.soak
def test_of_a_teacher_that_is_a_file_a_later_student_may_become_champion(
    document: dict[str, Any], write_logits: Callable[..., Path], said: list[str]
) -> None:
    rows = reviews(200)
    logits = [[2.0, -2.0] if label == "0" else [-2.0, 2.0] for _, label in rows]
    document["teacher"] = {"logits": str(write_logits([text for text, _ in rows], logits))}
    document["champion"] = {"min_teacher_ratio": 0.1}  # the fastest
    document["search"] |= {"trials": 2, "seeds": 1}
    slow, fast = {"kind": "bilstm", "hidden_size": 256}, {"kind": "average", "hidden_layer": 0}
    for student in (slow, fast):
        document["trial"] |= {"student": student, "epochs": 1, "learning_rate": 0.01}
        folder = search(Study(document), Console(file=io.StringIO()))
    assert folder.state["registered"] == {"name": "tiny-student", "version": "2", "alias": "champion"}
    (line,) = [one for one in said if one.startswith("registered as tiny-student version 2")]
    assert re.search(r"version 1 was the champion: p50 \d+\.\d+ ms against \d+\.\d+ ms, timed in one run", line)
    results = json.loads((folder.place / "results.json").read_text())
    assert results["teacher_timed"] == "no"
    assert results["present_champion"]["onnxruntime"]["p50_ms"] > results["finalists"][0]["onnxruntime"]["p50_ms"]
    assert "without the teacher (the search used only its logits)" in " ".join(folder.table.read_text().split())
