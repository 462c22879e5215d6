"""All parts at once: the space of examples/wide.yaml, and more of it, on a tiny corpus and a real cluster."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from rich.console import Console

from distune.models.checkpoint_folder import check_folder
from distune.tuning.report.lines import lines_on
from distune.tuning.report.terminal import show_results
from distune.tuning.session import search
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import records_in
from distune.tuning.study.file import Study, parse_yaml
from tests.making.reviews import tiny_document

pytestmark = pytest.mark.soak
ROOT = Path(__file__).resolve().parents[2]
N_TRIALS = 16


@pytest.fixture(scope="module")
def ended(
    tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path, save_teacher: Callable[..., Path]
) -> tuple[Study, Folder, str]:
    document = tiny_document(tmp_path_factory.mktemp("wide"), reviews_csv, teacher_folder)
    wide = parse_yaml((ROOT / "examples" / "wide.yaml").read_text(encoding="utf-8"))
    trial: dict[str, Any] = wide["trial"]
    # What the example's teacher, a file of logits, cannot give; and little of what takes long.
    trial["tokens"] = [{"kind": "words", "min_count": 1}, {"kind": "wordpiece", "min_count": 1}]
    trial["vectors"] = [{"kind": "word2vec", "dimension": 8, "epochs": 1, "reduce_to": {"choice": [None, 4]}}]
    trial["augment"] = {"n_iter": {"between": [0, 2]}}
    trial["loss"]["teachers"] = {"choice": ["mean", "weighted", "sampled"]}
    trial["loss"]["kd_weight"] = {"between": [0.5, 1.0]}
    trial["epochs"] = 2
    document["trial"] = trial
    document["teacher"]["hidden_states"] = ["pooled", 1]
    document["more_teachers"] = [
        {"checkpoint": str(save_teacher(seed=4)), "max_length": 32, "hidden_states": [2], "weight": 2.0}
    ]
    document["search"] |= {"trials": N_TRIALS, "sampler": "random"}
    document["metric"] = {"f1": "1"}
    study = Study(document)
    stream = io.StringIO()
    console = Console(file=stream, width=200)
    with lines_on(console):
        folder = search(study, console)
    show_results(study, folder, Console(file=stream, width=200))
    return study, folder, stream.getvalue()


def test_a_search_over_everything_has_no_failed_trial(ended: tuple[Study, Folder, str]) -> None:
    study, folder, _ = ended
    records = records_in(study.config, folder)
    assert [record.error for record in records if record.error] == []
    assert len(records) == N_TRIALS
    assert {record.state for record in records} == {"complete"}
    assert len({record.config.compression.kind for record in records}) >= 4
    assert len({record.config.student.kind for record in records}) >= 4
    check_folder(Path(str(folder)) / "champion")


def test_what_mattered_is_in_the_results_and_in_mlflow(ended: tuple[Study, Folder, str]) -> None:
    study, _folder, output = ended
    assert "what mattered (share of the differences between trials)" in output
    client = MlflowClient(study.config.tracking.uri)
    experiment = client.get_experiment_by_name("tiny")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`distune.study` = 'tiny'")
    shares = [v for k, v in parent.data.metrics.items() if k.startswith("importance/f1/")]
    assert sum(shares) == pytest.approx(1)
    kept = mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/importances.json")
    assert {one["objective"] for one in kept["importances"]} <= {"f1", "latency_ms"}
    assert {"f1", "teacher/dev_f1", "teacher/test_accuracy"} <= set(parent.data.metrics)
    assert "accuracy" not in parent.data.metrics
