"""One contract for every student family: what a checkpoint folder answers is what the student answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from corpora import encoding
from corpora.encoding import load_encoder
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.compressed import compress
from models.compression.half import HalfConfig
from models.compression.low_rank import LowRankConfig
from models.compression.trained import Material, Trained
from models.fitting import ModelError
from models.onnx_export import export_onnx
from models.predictor import FILES, CheckpointError, Predictor, open_session, run_network
from models.student import AnyStudentConfig, Student, build_student, student_logits
from models.students.recurrent import BiLSTMConfig
from tests.conftest import STUDENTS, student_name

VOCABULARY = ("[PAD]", "[UNK]", "好", "差", "书", "酒店", "\u2028")
ROWS = [[2], [2, 3, 4, 5, 1], [3, 3], [5, 4, 3, 2, 2, 2, 2, 2, 2, 2, 6]]


def student_of(config: AnyStudentConfig) -> Student:
    torch.manual_seed(1)
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    vectors[0] = 0
    return build_student(config, vectors, 2).eval()


def checkpoint_of(config: AnyStudentConfig) -> Checkpoint:
    tokens = {"kind": "characters", "max_tokens": 9}
    return Checkpoint(Trained(student_of(config), config), tokens, VOCABULARY, 4, ("bad", "good"))


@pytest.fixture(params=STUDENTS, ids=student_name)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_checkpoint(checkpoint_of(STUDENTS[0]), tmp_path / "student", "# card\n", Path(encoding.__file__))


def test_onnx_answers_as_torch_does_in_any_batch_and_length(config: AnyStudentConfig) -> None:
    student = student_of(config)
    expected = student_logits(student, [np.array(row) for row in ROWS])
    session = open_session(export_onnx(student))
    np.testing.assert_allclose(run_network(session, ROWS), expected, atol=1e-5)
    alone = np.concatenate([run_network(session, [row]) for row in ROWS])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_export_leaves_the_student_as_it_was(config: AnyStudentConfig) -> None:
    student = student_of(config).train()
    export_onnx(student)
    assert student.training


def test_a_student_is_read_back_exactly(config: AnyStudentConfig, tmp_path: Path) -> None:
    saved = checkpoint_of(config)
    read = load_checkpoint(save_checkpoint(saved, tmp_path / "s", "", Path(encoding.__file__)))
    assert (read.trained.config, read.tokens, tuple(read.vocabulary), tuple(read.labels)) == (
        saved.trained.config, saved.tokens, VOCABULARY, ("bad", "good"),
    )  # fmt: skip
    rows = [np.array(row) for row in ROWS]
    np.testing.assert_array_equal(
        student_logits(read.trained.student, rows), student_logits(saved.trained.student, rows)
    )
    assert not read.trained.student.training


def test_a_folder_holds_what_the_design_says_and_no_pickle(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, "predict.py", "encoding.py"}
    for path in folder.iterdir():
        assert not path.read_bytes().startswith((b"\x80\x04", b"\x80\x02", b"PK")), path.name


def test_saving_over_a_folder_replaces_it_whole(folder: Path) -> None:
    (folder / "leftover").write_text("x")
    save_checkpoint(checkpoint_of(STUDENTS[0]), folder, "# new\n", Path(encoding.__file__))
    assert not (folder / "leftover").exists()
    assert (folder / "README.md").read_text() == "# new\n"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_predictor_gives_labels_and_probabilities(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    logits = predictor.logits(["好书", "差"])
    answers = list(predictor.answers(["好书", "差"], batch_size=1))
    for row, answer in zip(logits, answers, strict=True):
        good = 1 / (1 + np.exp(row[0] - row[1]))
        assert answer["probabilities"]["good"] == pytest.approx(good, abs=1e-5)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == ("good" if good > 0.5 else "bad")
    assert predictor.label("好书") == answers[0]["label"]


def test_an_empty_text_is_answered(folder: Path) -> None:
    assert len(list(Predictor(folder, load_encoder(folder)).answers(["", " "]))) == 2


def test_the_folder_answers_without_this_project_torch_ray_mlflow_and_transformers(folder: Path) -> None:
    texts = ["好书", "差酒店", ""]
    blocked = ("torch", "ray", "mlflow", "transformers", "optuna", "pydantic", "corpora", "models", "tuning")
    program = f"""
import sys, runpy
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Wall())
sys.path.insert(0, {str(folder)!r})
runpy.run_path({str(folder / "predict.py")!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input="\n".join(texts) + "\n", text=True, capture_output=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == list(Predictor(folder, load_encoder(folder)).answers(texts, batch_size=3))


def test_a_folder_that_lacks_a_file_is_refused(folder: Path) -> None:
    (folder / "labels.json").unlink()
    with pytest.raises(CheckpointError, match=r"is no checkpoint folder: it lacks labels\.json"):
        load_checkpoint(folder)


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(folder: Path) -> None:
    (folder / "vocabulary.txt").write_text("[PAD]\n[UNK]\n")
    with pytest.raises(ModelError, match="the weights do not fit"):
        load_checkpoint(folder)


def test_a_compressed_student_is_read_back_exactly_and_answers_as_its_graph(tmp_path: Path) -> None:
    config = BiLSTMConfig(kind="bilstm", hidden_size=8)
    compressed = compress(
        Trained(student_of(config), config),
        [LowRankConfig(kind="low_rank", rank=2), HalfConfig(kind="half")], Material([]),
    )  # fmt: skip
    saved = Checkpoint(compressed.trained, {"kind": "characters", "max_tokens": 9}, VOCABULARY, 4, ("bad", "good"))
    folder = save_checkpoint(saved, tmp_path / "s", "", Path(encoding.__file__))
    read = load_checkpoint(folder)
    assert read.trained.structure == compressed.trained.structure
    rows = [np.array(row) for row in ROWS]
    expected = student_logits(compressed.trained.student, rows)
    np.testing.assert_array_equal(student_logits(read.trained.student, rows), expected)
    np.testing.assert_allclose(run_network(open_session(str(folder / "model.onnx")), ROWS), expected, atol=1e-4)
