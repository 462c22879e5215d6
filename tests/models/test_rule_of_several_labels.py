"""The rule of several labels a text in a checkpoint folder: saved, read back, refused if damaged, and unknown to earlier versions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import distune
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import SUMS, CheckpointError
from distune.models.decision import Decision, EachLabel
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.folders_of_sets import LABELS, TEXTS, folder_of_sets

EARLIER = Path(__file__).with_name("checkpoint_of_937cf56.tar.gz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = checkpoint_of(AverageConfig(kind="average"), LABELS)
    return folder_of_sets(checkpoint, TEXTS, tmp_path_factory.mktemp("several"))


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """A copy of it without its checksums, to be damaged."""
    copy = tmp_path / "damaged"
    shutil.copytree(folder, copy)
    (copy / SUMS).unlink()
    return copy


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not ...}), encoding="utf-8")


def test_the_rule_is_saved_and_read_back(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["multi_label"] is True
    assert list(config["thresholds"]) == list(LABELS)
    read = load_checkpoint(folder).decision
    assert read == EachLabel(tuple(config["thresholds"].values()))
    assert read == Predictor(folder, load_encoder(folder)).decision


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"thresholds": {"late": 0.5, "praise": 0.5}},
            "thresholds must name each of the 3 labels, but 'broken' has none",
        ),
        (
            {"thresholds": {"late": 0.5, "broken": 0.5, "praise": 0.5, "eggs": 0.5}},
            "thresholds must name each of the 3 labels, but 'eggs' is none of them",
        ),
        (
            {"thresholds": {"late": "0.5", "broken": 0.5, "praise": 0.5}},
            "the threshold of 'late' must be a probability, but got '0.5'",
        ),
        (
            {"thresholds": {"late": True, "broken": 0.5, "praise": 0.5}},
            "the threshold of 'late' must be a probability, but got True",
        ),
        (
            {"thresholds": {"late": float("nan"), "broken": 0.5, "praise": 0.5}},
            "the threshold of 'late' must be a probability, but got nan",
        ),
        (
            {"thresholds": {"late": 1.5, "broken": 0.5, "praise": 0.5}},
            "the threshold of 'late' must be a probability, but got 1.5",
        ),
        ({"thresholds": ...}, "thresholds must name each of the 3 labels, but 'late' has none"),
        ({"thresholds": []}, r"thresholds must be probabilities by the names of labels, but got \[\]"),
        ({"thresholds": None}, "thresholds must be probabilities by the names of labels, but got None"),
        ({"multi_label": "yes"}, "multi_label must be true or false, but got 'yes'"),
        ({"multi_label": 1}, "multi_label must be true or false, but got 1"),
        ({"multi_label": False}, r"thresholds must name one of the labels, but got \['late', 'broken', 'praise'\]"),
        ({"multi_label": ...}, r"thresholds must name one of the labels, but got \['late', 'broken', 'praise'\]"),
    ],
    ids=str,
)
def test_a_damaged_rule_is_refused_in_one_line(damaged: Path, changes: dict[str, Any], message: str) -> None:
    edit(damaged, **changes)
    said = rf"config\.json is damaged: {message}; pull or copy the folder again$"
    for open_it in (lambda: Predictor(damaged, load_encoder(damaged)), lambda: load_checkpoint(damaged)):
        with pytest.raises(CheckpointError, match=said) as refused:
            open_it()
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes", [{"multi_label": ..., "thresholds": {}}, {"multi_label": False, "thresholds": {"late": 0.5}}]
)
def test_a_graph_of_several_labels_never_answers_for_one(damaged: Path, changes: dict[str, Any]) -> None:
    edit(damaged, **changes)
    with pytest.raises(
        CheckpointError, match="is no graph of such a student, from token_ids and lengths to logits; pull"
    ):
        distune.load(damaged)


def test_a_graph_of_one_label_never_answers_for_several(tmp_path: Path) -> None:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=Decision(1, 0.5))
    one = save_student(checkpoint, tmp_path / "one")
    (one / SUMS).unlink()
    edit(one, multi_label=True, thresholds={"bad": 0.5, "good": 0.5})
    with pytest.raises(CheckpointError, match="from token_ids and lengths to label_logits; pull or copy"):
        distune.load(one)


def test_a_program_of_an_earlier_version_gives_no_answer(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(EARLIER) as archive:
        archive.extractall(tmp_path, filter="data")
    earlier = tmp_path / "model" / "artifacts" / "student"
    program = [sys.executable, str(earlier / "predict.py")]
    done = subprocess.run(program, input="好\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["label"]  # By its own graph it answers.
    for name in ("config.json", "labels.json", "vocabulary.txt", "model.onnx"):
        (earlier / name).write_bytes((folder / name).read_bytes())
    done = subprocess.run(program, input="好\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("INVALID_ARGUMENT : Invalid output name:logits\n")
