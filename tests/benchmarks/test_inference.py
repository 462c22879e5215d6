"""The benchmark of answers: its form, on tiny shapes; never its speed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.speed import inference, peers_made
from benchmarks.speed.peers import opened, weigher
from benchmarks.speed.performance import PARTS

SHAPES = {
    "TinyBERT": {"num_hidden_layers": 1, "hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 24},
}


def test_every_contender_is_timed_and_students_are_held_against_their_peers(
    document: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(peers_made, "SHAPES", SHAPES)
    monkeypatch.setattr(
        inference,
        "STUDENTS",
        {
            "average": ({"student": {"kind": "average"}}, {}),
            "average of n-grams": ({"student": {"kind": "average"}, "tokens": inference.NGRAMS}, {}),
            "bilstm-64": ({"student": {"kind": "bilstm", "hidden_size": 4}}, {"int8": inference.INT8}),
        },
    )
    monkeypatch.setattr(peers_made, "TRAINED", {"TF-IDF": peers_made.TRAINED["TF-IDF"]})
    monkeypatch.setattr(inference, "LARGE", 8)
    study = str(write_study(document))
    inference.main(
        ["--study", study, "--epochs", "1", "--timed-texts", "2", "--processes", "0", "--shapes", "TinyBERT"]
    )
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    shapes = [f"TinyBERT {kind}" for kind in ("torch", "torch int8", "onnxruntime", "onnxruntime int8")]
    students = ["average", "average of n-grams", "bilstm-64", "bilstm-64 int8"]
    assert list(found["contenders"]) == [*students, "TF-IDF", *shapes]
    for name, one in found["contenders"].items():
        assert 0 < one["p50_ms"] <= one["p95_ms"] <= one["p99_ms"], name
        assert min(one["texts_per_s"], one["texts_per_s_256"]) > 0, name
        assert one["is_student"] == (set(one["stages_ms"]) == {"segmentation", "encoding", "network"}), name
        assert (one["accuracy"] is None) == (name in shapes), name
    assert set(found["goals"]["bilstm-64 over"]) == set(shapes)
    assert set(found["goals"]["average over"]) == {"TF-IDF"}
    assert "| bilstm-64 int8 | " in PARTS["inference"].shown(found)


def test_tfidf_answers_from_its_folder_as_it_did_when_it_was_trained(tmp_path: Path) -> None:
    texts, classes = ["好 书", "差 书", "好 手机", "差 手机 太 差", "太 好", "太 差"], [1, 0, 1, 0, 1, 0]
    about = {"tokens": {"kind": "characters", "max_tokens": 16}}
    given = peers_made.Lesson(texts, classes, [], np.zeros((0, 0)), about)
    peers_made.save_tfidf(given, tmp_path)
    fitted = make_pipeline(weigher(), LogisticRegression(C=10.0, max_iter=1000)).fit(texts, classes)
    asked = ["好书", "差", "太好", "书差手", "无"]
    np.testing.assert_array_equal(opened(tmp_path)(asked), fitted.predict([" ".join(text) for text in asked]))
    assert {path.name for path in tmp_path.iterdir()} == {"peer.json", "vocabulary.json", "idf.npy", "head.npz"}


def test_a_folder_is_opened_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers_made, "SHAPES", SHAPES)
    folder = peers_made.save_berts("TinyBERT", ["这本书好"], 3, tmp_path)["TinyBERT onnxruntime int8"]
    assert set(opened(folder)(["这本书好", "书"])) <= {0, 1, 2}
    found = inference.costs({"int8": folder}, ["这本书好", "书"], 1)["int8"]
    assert found.keys() == {"load_ms", "first_ms", "rss_mb"}
    assert min(found.values()) > 0


def test_a_ratio_above_one_says_that_the_student_is_the_faster() -> None:
    def one(is_student: bool, accuracy: float, ms: float) -> dict[str, Any]:
        speed = {"p50_ms": ms, "texts_per_s": 1000 / ms, "texts_per_s_256": 2000 / ms}
        return {"is_student": is_student, "accuracy": accuracy, **speed}

    figures = {"average": one(True, 0.8, 1.0), "bilstm-64": one(True, 0.9, 2.0), "TF-IDF": one(False, 0.85, 3.0)}
    found = inference.goals(figures)
    times = {"p50": 1.5, "texts_per_s": 1.5, "texts_per_s_256": 1.5}
    assert found["as accurate and so many times as fast"] == {"TF-IDF": {"bilstm-64": times}}
    assert found["average over"]["TF-IDF"]["p50"] == 3.0
