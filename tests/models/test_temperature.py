"""A temperature in a checkpoint folder: every way of asking answers by it, and says when it is not sure."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import distune
from distune.corpora.encoding import load_encoder
from distune.models.answer_lines import answer_lines
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import SUMS, CheckpointError
from distune.models.decision import Decision, EachLabel, sigmoid, softmax
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig
from distune.tuning.tracking.pyfunc_model import StudentModel
from distune.tuning.tracking.pyfunc_model import _student as student_of_mlflow
from tests.making.checkpoints import checkpoint_of, save_student

TEXTS = ["好书", "差酒店", "好", "书"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=Decision(temperature=0.25))
    return save_student(checkpoint, tmp_path / "student")


def opened(folder: Path) -> Predictor:
    return Predictor(folder, load_encoder(folder))


def program(folder: Path, *arguments: str, texts: Sequence[str] = TEXTS) -> list[dict[str, Any]]:
    """What `python FOLDER` answers."""
    done = subprocess.run(
        [sys.executable, str(folder), *arguments], input="\n".join(texts), text=True, capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_way_of_asking_divides_logits_by_the_temperature(folder: Path) -> None:
    predictor = opened(folder)
    logits = predictor.logits(TEXTS)
    by_hand = softmax(logits.astype(np.float64) / 0.25)
    assert np.abs(by_hand - softmax(logits)).max() > 0.01
    assert predictor.probabilities(TEXTS).dtype == np.float32
    student = distune.load(folder)
    context = type("Context", (), {"artifacts": {"checkpoint": str(folder)}})
    model = StudentModel()
    model.load_context(context)
    rows = model.predict(context, pd.DataFrame({"text": TEXTS}))
    lines = io.BytesIO()
    source: Any = io.BytesIO("\n".join(TEXTS).encode())
    answer_lines(predictor, source, lines)
    for found in (
        predictor.probabilities(TEXTS),
        student.predict_proba(TEXTS),
        list(student.predict_proba(iter(TEXTS))),
        rows[["probability_bad", "probability_good"]].to_numpy(),
        *(
            [[one["probabilities"][label] for label in predictor.labels] for one in answers]
            for answers in (
                predictor.answers(TEXTS),
                student_of_mlflow(folder).answers(TEXTS),
                program(folder),
                map(json.loads, lines.getvalue().splitlines()),
            )
        ),
    ):
        np.testing.assert_allclose(found, by_hand, atol=2e-6)


def test_the_graph_has_logits_as_they_are_and_labels_do_not_change(folder: Path, tmp_path: Path) -> None:
    plain = replace(load_checkpoint(folder), decision=Decision())
    before = opened(save_student(plain, tmp_path / "plain"))
    np.testing.assert_array_equal(opened(folder).logits(TEXTS), before.logits(TEXTS))
    assert distune.load(folder).predict(TEXTS) == [before.label(text) for text in TEXTS]


def test_a_temperature_is_read_back_and_a_folder_without_one_has_one(folder: Path) -> None:
    assert load_checkpoint(folder).decision == opened(folder).decision == Decision(temperature=0.25)
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert settings.pop("temperature") == 0.25
    path.write_text(json.dumps(settings), encoding="utf-8")
    (folder / SUMS).unlink()
    assert opened(folder).decision == Decision()


def test_a_damaged_temperature_is_refused(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"temperature": 0.25', '"temperature": 0'), "utf-8")
    (folder / SUMS).unlink()
    with pytest.raises(
        CheckpointError, match=r"config\.json is damaged: temperature must be a number from 0\.001 to 1000, but got 0"
    ):
        opened(folder)


def test_an_answer_that_is_less_sure_abstains(folder: Path) -> None:
    predictor = opened(folder)
    sure = [max(answer["probabilities"].values()) for answer in predictor.answers(TEXTS)]
    below = sorted(sure)[2]
    by_hand = [one < below for one in sure]
    assert by_hand.count(True) == 2
    assert "abstained" not in next(predictor.answers(TEXTS))
    assert [one["abstained"] for one in predictor.answers(TEXTS, below)] == by_hand
    assert [one["abstained"] for one in program(folder, "--abstain-below", repr(below))] == by_hand
    student = distune.load(folder)
    labels = [None if abstained else label for label, abstained in zip(student.predict(TEXTS), by_hand, strict=True)]
    assert student.predict(TEXTS, abstain_below=below) == labels
    assert list(student.predict(iter(TEXTS), abstain_below=below)) == labels
    assert student.predict(pd.Series(TEXTS, index=list("abcd")), abstain_below=below).to_dict() == dict(
        zip("abcd", labels, strict=True)
    )


def test_of_several_labels_the_least_sure_one_counts(tmp_path: Path) -> None:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=EachLabel((0.5, 0.5), 0.5))
    folder = save_student(checkpoint, tmp_path / "student")
    predictor = opened(folder)
    by_hand = sigmoid(predictor.logits(TEXTS) / 0.5)
    np.testing.assert_allclose(predictor.probabilities(TEXTS), by_hand, atol=1e-6)
    sure = np.maximum(by_hand, 1 - by_hand).min(axis=1)
    below = float(np.median(sure))
    assert [one["abstained"] for one in predictor.answers(TEXTS, below)] == (sure < below).tolist()
    found = distune.load(folder).predict(TEXTS, abstain_below=below)
    assert [one is None for one in found] == (sure < below).tolist()


@pytest.mark.parametrize("below", [-0.1, 1.5, float("nan"), True, "0.5"])
def test_what_is_no_probability_to_abstain_below_is_refused(folder: Path, below: Any) -> None:
    with pytest.raises(CheckpointError, match="abstain_below must be a number from 0 to 1, but got"):
        distune.load(folder).predict(TEXTS, abstain_below=below)
    with pytest.raises(CheckpointError, match="abstain_below must be a number from 0 to 1, but got"):
        opened(folder).answers(TEXTS, below)


@pytest.mark.parametrize("arguments", [["--abstain-below", "2"], ["--abstain-below"], ["--abstain"]])
def test_the_program_of_a_folder_refuses_what_is_none(folder: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(folder), *arguments], input="", text=True, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert "usage: python FOLDER [-h] [--abstain-below P] [FILE ...]" in done.stderr
    assert "Traceback" not in done.stderr
