"""What an editor marks in a study file is what is wrong in it, as far as a schema can say it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from distune.tuning.study.bounded_yaml import parse_yaml
from distune.tuning.study.schema import study_schema

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = study_schema()
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def faults(document: Any) -> list[str]:
    """The paths that a schema marks, those within a choice included."""
    found = []
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))
    while errors:
        error = errors.pop()
        found.append(".".join(map(str, error.absolute_path)))
        errors += error.context or []
    return found


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_pydantic_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert study_schema() == SCHEMA


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    assert faults(parse_yaml(path.read_text(encoding="utf-8"))) == []


def test_the_study_of_the_tests_is_valid(document: dict[str, Any]) -> None:
    document["corpus"]["labels"] = [0, "1"]
    document["search"] |= {"time_budget_s": 60, "patience": 5}
    assert faults(document) == []


@pytest.mark.parametrize("answers", ["votes.jsonl", ["a.jsonl", "b.jsonl"], {"path": ["a.jsonl"]}], ids=str)
def test_answers_may_be_one_file_or_several(document: dict[str, Any], answers: Any) -> None:
    assert faults({**document, "teacher": {"answers": answers}}) == []


@pytest.mark.parametrize(
    "metric",
    ["macro_f1", {"f1": 1}, {"kind": "mcc"}, {"recall_at_precision": {"label": "spam", "precision": 0.9}}],
    ids=str,
)
def test_a_metric_may_be_written_short(document: dict[str, Any], metric: Any) -> None:
    assert faults({**document, "metric": metric}) == []


def test_weights_by_name_may_be_ranges(document: dict[str, Any]) -> None:
    document["trial"]["loss"]["class_weights"] = {"spam": {"log": [1, 20]}, "ham": 2}
    assert faults(document) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metric", "f2"),
        ("metric", {"f2": "spam"}),
        ("trial.loss.class_weights", {"spam": "much"}),
        ("search.trails", 3),
        ("search.trials", 0),
        ("search.patience", "never"),
        ("trial.learning_rate", {"between": [0.1]}),
        ("trial.learning_rate", {"log": [0, 0.1]}),
        ("trial.learning_rate", {"around": [0.1, 0.2]}),
        ("trial.loss.kd_weight", {"between": [0, 2]}),
        ("trial.epochs", {"choice": [1, 2.5]}),
        ("trial.student", [{"kind": "bilstm", "hidden_sise": 4}]),
        ("trial.student", [{"hidden_size": 4}]),
        ("trial.tokens", {"kind": "sentences"}),
    ],
)
def test_what_is_wrong_is_marked(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    block = document
    for key in parents:
        block = block[key]
    block[last] = value
    assert any(found and path.startswith(found) for found in faults(document))


def test_a_kind_that_a_plug_brings_sets_what_it_likes(document: dict[str, Any]) -> None:
    document["trial"]["student"] = [{"kind": "gated", "features": {"choice": [32, 64]}}, {"kind": "average"}]
    document["trial"]["loss"]["teacher_term"] = {"kind": "huber", "delta": {"log": [0.1, 10]}}
    assert faults(document) == []


def test_every_key_says_what_it_means() -> None:
    blocks = [*SCHEMA["$defs"].values(), SCHEMA]
    fields = [
        (name, field) for block in blocks for name, field in block.get("properties", {}).items() if name != "kind"
    ]
    assert [name for name, field in fields if not field.get("description")] == []
    assert len(fields) > 200
