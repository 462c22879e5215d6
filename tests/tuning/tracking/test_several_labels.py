"""A search of several labels a text in MLflow: its figures, its data, and the signature of its model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from mlflow.types import DataType, Schema
from mlflow.types.schema import Array

from distune.models.decision import EachLabel
from distune.tuning.tracking.entries import _corpus, _metrics
from distune.tuning.tracking.registry import log_model
from distune.tuning.tracking.runs import _dataset
from distune.tuning.tracking.view import view_tags
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.columns import COLUMNS
from tests.making.findings_of_sets import columns_of_sets


def test_the_run_of_a_search_has_each_score_by_its_name() -> None:
    verdict: Any = SimpleNamespace(ratio=None, baseline=None, columns=columns_of_sets({"late": 0.5}))
    found = _metrics(verdict)
    assert {name: value for name, value in found.items() if name.startswith("champion/")} == {
        "champion/dev_micro_f1": 0.8,
        "champion/test_exact_match": 0.4,
        "champion/test_micro_f1": 0.85,
        "champion/test_macro_f1": 0.6,
        "champion/p50_ms": 0.25,
        "champion/texts_per_s": 1000.0,
    }


def test_that_of_a_search_of_one_label_has_its_accuracy() -> None:
    verdict: Any = SimpleNamespace(ratio=None, baseline=COLUMNS[1], columns=COLUMNS)
    found = _metrics(verdict)
    assert (found["teacher/test_accuracy"], found["teacher/test_macro_f1"]) == (0.9, 0.7)
    assert found["baseline/test_accuracy"] == 0.7
    assert "teacher/test_micro_f1" not in found


@pytest.mark.parametrize(
    ("is_multi_label", "name", "kind"), [(True, "labels", Array(DataType.string)), (False, "label", DataType.string)]
)
def test_the_labels_of_the_corpus_have_their_type(is_multi_label: bool, name: str, kind: Any) -> None:
    config: Any = SimpleNamespace(corpus=SimpleNamespace(short_name="tickets.csv", source_name="tickets.csv"))
    corpus: Any = SimpleNamespace(
        sizes={"dev": 2},
        labels=("late", "broken"),
        fingerprint="c0",
        answers_fingerprint="a0",
        source="",
        is_multi_label=is_multi_label,
    )
    written = _dataset(_corpus(config, corpus)).dataset
    columns = Schema.from_json(json.dumps(json.loads(written.schema)["mlflow_colspec"]))
    assert columns.input_dict()[name].type == kind
    assert json.loads(written.profile) == {"dev_texts": 2, "labels": ["late", "broken"]}


def test_a_model_says_that_it_answers_lists_of_labels(tmp_path: Path, migrated: Path) -> None:
    shutil.copyfile(migrated, tmp_path / "mlflow.db")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    checkpoint = replace(checkpoint_of(STUDENTS[0]), decision=EachLabel((0.5, 0.4)))
    folder = save_student(checkpoint, tmp_path / "student", "# A card")
    log_model(client.tracking_uri, client.create_run("1").info.run_id, folder, ["好书"], 3)
    (written,) = (tmp_path / "artifacts").rglob("MLmodel")
    found = Model.load(written).signature
    assert found.outputs.to_dict() == [
        {"type": "array", "items": {"type": "string"}, "name": "labels", "required": True},
        {"type": "double", "name": "probability_bad", "required": True},
        {"type": "double", "name": "probability_good", "required": True},
        {"type": "boolean", "name": "has_known_token", "required": True},
    ]
    assert found.inputs.to_dict() == [{"type": "string", "name": "text", "required": True}]


def test_the_page_of_mlflow_speaks_of_accuracy_only_where_that_is_the_metric() -> None:
    titles = {}
    for metric in ("accuracy", "micro_f1"):
        saved = json.loads(view_tags(5, metric)["mlflow.sharedViewState.distune"])
        (section,) = json.loads(saved["state"])["compareRunSections"]
        titles[metric] = section["name"]
    assert titles == {"accuracy": "Accuracy against speed", "micro_f1": "Score against speed"}
