"""What a search may have found, with names that would break a page that trusts them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.places import Place
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.results import parse_results
from distune.tuning.report.findings import Findings
from distune.tuning.search.importance import Importance
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import Epoch, State, TrialRecord
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig

EVIL = "</script><script>document.title = 'broken out'</script><img src=x onerror=alert(1)>好"
"""A text of somebody who would like to run code in the page."""


def config(kind: str, **student: Any) -> TrialConfig:
    loss = {"kd_weight": 0.75, "teacher_term": {"kind": "kl", "temperature": 4.0}}
    fixed = {"tokens": {"kind": "words", "min_count": 1}, "vectors": {"kind": "random", "dimension": 8}, "epochs": 2}
    return TrialConfig.model_validate(
        {"student": {"kind": kind, **student}, "loss": loss, "learning_rate": 0.01, **fixed}
    )


def record(number: int, accuracy: float, latency_ms: float, state: State = "complete") -> TrialRecord:
    of_kind = config("average", hidden_layer=4) if number % 2 else config("bilstm", hidden_size=8)
    if number == 0:
        of_kind = of_kind.plain()
    epochs = 2 if state == "complete" else 1
    curve = tuple(Epoch(epoch, accuracy - 0.1 * (epochs - epoch), 1 / epoch) for epoch in range(1, epochs + 1))
    return TrialRecord(
        number=number,
        state=state,
        config=of_kind,
        score=accuracy,
        latency_ms=latency_ms,
        epochs=epochs,
        error=None,
        size_mb=0.5 * (number + 1),
        curve=curve,
    )


RECORDS = (
    record(0, 0.7, 0.2),
    record(1, 0.8, 0.1),
    record(2, 0.9, 0.3),
    record(3, 0.85, 0.4),
    record(4, 0.6, 0.3, "pruned"),
)

QUANTILES = [round(0.01 * (1 + percent), 3) for percent in range(101)]


def column(name: str, accuracy: float, p50_ms: float) -> dict[str, Any]:
    spread = {"mean": accuracy, "sd": 0.01}
    quality = {"dev_accuracy": spread, "test_accuracy": spread, "macro_f1": spread, "agreement": None}
    return {"name": name, "quality": quality, "n_parameters": 1000, "size_mb": 1.5, "latency": latency(p50_ms)}


def latency(p50_ms: float) -> dict[str, Any]:
    return {
        "p50_ms": p50_ms,
        "p95_ms": 2 * p50_ms,
        "p99_ms": 3 * p50_ms,
        "texts_per_s": 100.0,
        "stages_ms": {},
        "quantiles_ms": [p50_ms * q for q in QUANTILES],
    }


def results(champion: int | None = 1) -> dict[str, Any]:
    """A parsed `results.json`."""
    finalists = [
        {
            "trial": number,
            "config": RECORDS[number].config.model_dump(mode="json"),
            "dev_accuracy": [0.82, 0.84],
            "plain_dev_accuracy": [0.7, 0.72],
            "onnxruntime": latency(p50_ms),
            "torch": latency(p50_ms),
            "size_mb": 1.5,
        }
        for number, p50_ms in ((1, 0.1), (2, 0.3))
    ]
    columns = [column("teacher", 0.9, 9.0), column("student alone", 0.7, 0.1), column("distilled champion", 0.83, 0.1)]
    return {
        "study": "tiny",
        "rule": "the fastest",
        "teacher": {"description": "a teacher"},
        "cpu": "a CPU",
        "teacher_timed": "itself",
        "load": {"busy_cores": 0.0, "n_cores": 2},
        "timed_on": "here",
        "timed_texts": 3,
        "versions": {"numpy": "2"},
        "texts": {"train": 9, "dev": 3, "test": 3},
        "champion": champion,
        "distillation_ratio": 0.65,
        "columns": columns,
        "finalists": finalists,
    }


TEXTS = ("都对", EVIL, "学生错")
ANSWERS = Answers(
    trial=1,
    names=("差", "<b>好</b>"),
    labels=np.array([0, 0, 1]),
    teacher=np.array([[2, 0], [0, 3], [0, 2]], np.float32),
    student=np.array([[1, 0], [0, 4], [3, 0]], np.float32),
)


@pytest.fixture
def study(document: dict[str, Any]) -> Study:
    return judged(document)


def judged(document: dict[str, Any]) -> Study:
    return Study({**document, "champion": {"min_teacher_ratio": 0.9}})


@pytest.fixture
def findings(study: Study, tmp_path: Path) -> Findings:
    return findings_of(study, tmp_path)


def findings_of(study: Study, place: Path) -> Findings:
    """A search that has ended, small enough to be counted by hand."""
    folder = Folder(Place(str(place / "search")))
    mattered = (
        Importance("accuracy", "", 4, {"learning_rate": 0.75, "loss.kd_weight": 0.25}),
        Importance("latency_ms", "student.kind=bilstm", 4, {"student.hidden_size": 1.0}),
    )
    state = {
        "state": "ended",
        "corpus": "c0",
        "answers": "a0",
        "train": "l0",
        "files": "f0",
        "teacher": "t0",
        "run_id": "r0",
    }
    return Findings(
        study=study,
        folder=folder,
        state=state,
        records=RECORDS,
        mattered=mattered,
        results=parse_results(results()),
        answers=ANSWERS,
        card=f"# Card\n\n{EVIL}\n",
    )
