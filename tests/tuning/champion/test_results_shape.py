from __future__ import annotations

import json
from typing import Any

import pytest

from distune.corpora.kept import DamagedError
from distune.corpora.places import Place
from distune.tuning.champion.results import parse_results, read_results
from distune.tuning.storage.paths import Folder
from tests.making.findings import results


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Results with another value at a dotted path."""
    raw: dict[str, Any] = json.loads(json.dumps(results()))  # Copies of a block that stands in several places.
    *parts, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = raw
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "columns.0.quality.test_accuracy.mean",
            None,
            "columns.0.quality.test_accuracy.mean: should be a valid number",
        ),
        ("columns.0.quality.test_accuracy.sd", -0.01, "test_accuracy.sd: should be greater than or equal to 0"),
        ("columns.0.quality.macro_f1.sd", "0.01", "macro_f1.sd: should be a valid number"),
        ("columns.0.quality.macro_f1", None, "the column 'teacher' lacks macro_f1"),
        ("columns.1.latency.p50_ms", 0, "columns.1.latency.p50_ms: should be greater than 0"),
        ("columns.1.latency.p50_ms", float("inf"), "columns.1.latency.p50_ms: should be a finite number"),
        pytest.param("columns.1.latency.p95_ms", 10**400, "latency.p95_ms: should be a valid number", id="huge"),
        ("columns.1.n_parameters", True, "columns.1.n_parameters: should be a valid integer"),
        ("finalists.0.dev_accuracy", [0.82, None], "distilled.1: should be a valid number"),
        ("finalists.0.dev_accuracy", [], "distilled: List should have at least 1 item"),
        ("finalists", [], "finalists: List should have at least 1 item"),
        ("load", {"busy_cores": float("nan"), "n_cores": 2}, "load.busy_cores: should be a finite number"),
        ("champion", 7, "its champion, trial 7, is none of its finalists"),
        ("texts", {"train": None}, "texts.train: should be a valid integer"),
        ("rule", [], "rule: should be a valid string"),
        ("baseline", {"name": "TF-IDF baseline"}, "baseline.quality: Field required"),
    ],
)
def test_results_with_a_figure_that_is_none_are_refused_and_the_place_is_named(
    path: str, value: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        parse_results(with_value(path, value))


def test_a_champion_that_is_no_finalist_is_a_damaged_file_and_not_another_champion(tmp_path: Any) -> None:
    folder = Folder(Place(str(tmp_path)))
    (tmp_path / "results.json").write_text(json.dumps(with_value("champion", 7)))
    with pytest.raises(
        DamagedError, match=r"results\.json is damaged \(its champion, trial 7, is none of its finalists"
    ):
        read_results(folder)
