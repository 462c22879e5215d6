"""A threshold in a checkpoint folder: every way of asking answers by it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import distune
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import SUMS, CheckpointError
from distune.models.decision import Decision, decision_of
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig
from distune.tuning.compress import Texts, _measured
from distune.tuning.speed.contenders import onnx_contender
from distune.tuning.tracking.pyfunc_model import _student as student_of_mlflow
from tests.making.checkpoints import checkpoint_of, save_student

TEXTS = ["好书", "差酒店", "好", "书"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that answers `good` from a probability on which two of the four texts reach, though for all of them one
    label is the likeliest."""
    checkpoint = checkpoint_of(AverageConfig(kind="average"))
    plain = save_student(checkpoint, tmp_path / "plain")
    probabilities = Predictor(plain, load_encoder(plain)).probabilities(TEXTS)
    assert len({*probabilities.argmax(axis=1)}) == 1
    by = replace(checkpoint, decision=Decision(1, float(np.median(probabilities[:, 1]))))
    return save_student(by, tmp_path / "student")


def test_a_version_that_knows_no_temperature_answers_the_same_labels(tmp_path: Path) -> None:
    # At a temperature of 2 a probability of 0.8 becomes 2 / 3: odds of 4 become odds of 2.
    checkpoint = checkpoint_of(AverageConfig(kind="average"))
    calibrated = Decision(1, 0.8, 2.0)
    folder = save_student(replace(checkpoint, decision=calibrated), tmp_path / "new")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["thresholds"] == {"good": 0.8}
    assert config["temperature"] == 2.0
    read = load_checkpoint(folder).decision
    assert read == calibrated
    assert read.answers_from == pytest.approx(2 / 3)
    logits = np.random.default_rng(0).normal(size=(1000, 2)) * 4
    by_older = decision_of(config["thresholds"], checkpoint.labels)
    assert (by_older.of_logits(logits) == read.of_logits(logits)).all()


def test_a_temperature_beside_a_threshold_among_three_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be 1 with a threshold among 3 labels, but got 2"):
        decision_of({"a": 0.3}, ["a", "b", "c"], temperature=2.0)


def test_every_way_of_asking_answers_by_the_threshold(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    threshold = json.loads((folder / "config.json").read_text(encoding="utf-8"))["thresholds"]["good"]
    by_hand = ["good" if p >= threshold else "bad" for p in predictor.probabilities(TEXTS)[:, 1]]
    assert sorted(by_hand) == ["bad", "bad", "good", "good"]
    assert [answer["label"] for answer in predictor.answers(TEXTS)] == by_hand
    assert [predictor.label(text) for text in TEXTS] == by_hand
    student = distune.load(folder)
    assert student.predict(TEXTS) == by_hand
    assert list(student.predict(iter(TEXTS))) == by_hand
    assert [answer["label"] for answer in student_of_mlflow(folder).answers(TEXTS)] == by_hand
    program = [sys.executable, str(folder)]
    done = subprocess.run(program, input="\n".join(TEXTS), text=True, capture_output=True, check=True)
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == by_hand
    timed = onnx_contender(folder)
    assert [predictor.labels[index] for index in timed.batch(TEXTS)] == by_hand
    _, answers = _measured(folder, Texts((), TEXTS, np.full(len(TEXTS), -1)), mock.sentinel.latency)
    assert [predictor.labels[index] for index in answers] == by_hand


def test_a_threshold_is_read_back(folder: Path) -> None:
    read = load_checkpoint(folder)
    assert read.decision.index == 1
    assert read.decision == Predictor(folder, load_encoder(folder)).decision


def test_a_threshold_of_no_label_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"good":', '"eggs":'), encoding="utf-8")
    (folder / SUMS).unlink()
    with pytest.raises(
        CheckpointError, match=r"config\.json is damaged: thresholds must name one of the labels, but got \['eggs'\]"
    ):
        Predictor(folder, load_encoder(folder))
