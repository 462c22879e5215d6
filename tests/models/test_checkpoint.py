"""One contract for every student family: what a checkpoint folder answers is what the student answered."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distune.corpora import encoding
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import Checkpoint, load_checkpoint
from distune.models.checkpoint_folder import FILES, SUMS
from distune.models.compression.apply import compress
from distune.models.compression.config import HalfConfig, LowRankConfig
from distune.models.compression.int8 import quantize_graph
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.graph import BATCH_SIZE, UNKNOWN
from distune.models.network import open_session, run_network
from distune.models.onnx_export import export_onnx
from distune.models.predictor import Predictor
from distune.models.students.config import AnyStudentConfig, AverageConfig, BiLSTMConfig
from distune.models.students.student import student_logits
from tests.conftest import STUDENTS, same_answers, student_name
from tests.making.checkpoints import VOCABULARY, checkpoint_of, save_student, student_of

ROWS = [[2], [2, 3, 4, 5, 1], [3, 3], [5, 4, 3, 2, 2, 2, 2, 2, 2, 2, 6]]


@pytest.fixture(scope="module", params=STUDENTS, ids=student_name)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


@pytest.fixture(scope="module")
def saved(config: AnyStudentConfig) -> Checkpoint:
    return checkpoint_of(config)


@pytest.fixture(scope="module")
def place(saved: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a student, which its tests read."""
    return save_student(saved, tmp_path_factory.mktemp("saved") / "s")


def test_onnx_answers_as_torch_does_in_any_batch_and_length(config: AnyStudentConfig) -> None:
    student = student_of(config)
    expected = student_logits(student, [np.array(row) for row in ROWS])
    session = open_session(export_onnx(student.train()))
    assert student.training  # An export leaves the student as it was.
    np.testing.assert_allclose(run_network(session, ROWS), expected, atol=1e-5)
    alone = np.concatenate([run_network(session, [row]) for row in ROWS])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_a_student_is_read_back_exactly(saved: Checkpoint, place: Path) -> None:
    read = load_checkpoint(place)
    assert (read.trained.config, read.tokens, tuple(read.vocabulary), tuple(read.labels)) == (
        saved.trained.config,
        saved.tokens,
        VOCABULARY,
        ("bad", "good"),
    )
    rows = [np.array(row) for row in ROWS]
    np.testing.assert_array_equal(
        student_logits(read.trained.student, rows), student_logits(saved.trained.student, rows)
    )
    assert not read.trained.student.training


def test_a_folder_holds_what_the_design_says_and_no_pickle(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, SUMS, "__main__.py", "distune_student"}
    for path in folder.rglob("*.*"):
        assert not path.read_bytes().startswith((b"\x80\x04", b"\x80\x02", b"PK")), path.name


def test_saving_over_a_folder_replaces_it_whole(folder: Path) -> None:
    (folder / "leftover").write_text("x")
    save_student(checkpoint_of(STUDENTS[0]), folder, "# new\n")
    assert not (folder / "leftover").exists()
    assert (folder / "README.md").read_text() == "# new\n"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_finds_no_room_is_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name for path in folder.parent.iterdir()}

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("distune.models.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save_student(checkpoint_of(STUDENTS[1]), folder, "# Another\n")
    assert {path.name for path in folder.parent.iterdir()} == before
    assert (folder / "weights.safetensors").is_file()


def test_a_predictor_gives_labels_and_probabilities(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    logits = predictor.logits(["好书", "差"])
    answers = list(predictor.answers(["好书", "差"]))
    for row, answer in zip(logits, answers, strict=True):
        good = 1 / (1 + np.exp(row[0] - row[1]))
        assert answer["probabilities"]["good"] == pytest.approx(good, abs=1e-5)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == ("good" if good > 0.5 else "bad")
    assert predictor.label("好书") == answers[0]["label"]


def test_many_texts_of_any_lengths_are_answered_in_their_order(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    rng = random.Random(0)
    texts = ["".join(rng.choices("好书差酒店", k=rng.randint(1, 9))) for _ in range(3 * BATCH_SIZE + 1)]
    alone = np.concatenate([predictor.logits([text]) for text in texts])
    assert len(np.unique(alone.round(4), axis=0)) > BATCH_SIZE
    np.testing.assert_allclose(predictor.logits(texts), alone, atol=1e-5)
    assert predictor.logits([]).shape == (0, alone.shape[1])


def test_an_empty_text_is_answered(folder: Path) -> None:
    assert len(list(Predictor(folder, load_encoder(folder)).answers(["", " "]))) == 2


def test_a_text_in_which_the_vocabulary_knows_no_token_is_marked(folder: Path) -> None:
    assert UNKNOWN == encoding.UNKNOWN
    predictor = Predictor(folder, load_encoder(folder))
    texts = ["好", "xyz 好", "xyz", "", "\ud83d", "\u200b"]
    assert [answer["has_known_token"] for answer in predictor.answers(texts)] == [True, True] + [False] * 4
    assert [next(predictor.answers([text]))["has_known_token"] for text in texts[1:3]] == [True, False]


def test_what_is_cut_off_makes_no_text_known(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))  # It reads nine characters.
    assert [answer["has_known_token"] for answer in predictor.answers(["x" * 9 + "好", "x" * 8 + "好"])] == [
        False,
        True,
    ]


def test_a_compressed_student_is_read_back_exactly_and_answers_as_its_graph(tmp_path: Path) -> None:
    config = BiLSTMConfig(kind="bilstm", hidden_size=8)
    compressed = compress(
        Trained(student_of(config), config),
        [LowRankConfig(kind="low_rank", rank=2), HalfConfig(kind="half")],
        CalibrationData([]),
    )
    saved = Checkpoint(
        trained=compressed.trained,
        tokens={"kind": "characters", "max_tokens": 9},
        vocabulary=VOCABULARY,
        dimension=4,
        labels=("bad", "good"),
    )
    folder = save_student(saved, tmp_path / "s")
    read = load_checkpoint(folder)
    assert read.trained.structure == compressed.trained.structure
    rows = [np.array(row) for row in ROWS]
    expected = student_logits(compressed.trained.student, rows)
    np.testing.assert_array_equal(student_logits(read.trained.student, rows), expected)
    np.testing.assert_allclose(run_network(open_session(str(folder / "model.onnx")), ROWS), expected, atol=1e-4)


def texts_of_all_lengths() -> list[str]:
    return ["好" * (i % 10) + "差书酒店"[: i % 5] for i in range(37)]


def test_an_answer_is_the_same_alone_and_in_any_company(place: Path) -> None:
    texts = texts_of_all_lengths()
    expected = list(Predictor(place, load_encoder(place)).answers(texts))
    for threads in (1, 2):
        predictor = Predictor(place, load_encoder(place), threads)
        assert same_answers([next(predictor.answers([text])) for text in texts], expected)
        assert same_answers(list(predictor.answers(texts[::3])), expected[::3])
        assert same_answers(list(predictor.answers(reversed(texts))), expected[::-1])


def test_an_answer_of_dynamic_int8_does_not_depend_on_its_company(tmp_path: Path) -> None:
    saved = checkpoint_of(AverageConfig(kind="average", hidden_layer=16))
    graph = quantize_graph(export_onnx(saved.trained.student))
    folder = save_student(replace(saved, quantized=graph), tmp_path / "s")
    predictor, texts = Predictor(folder, load_encoder(folder)), texts_of_all_lengths()
    assert list(predictor.answers(texts)) == [next(predictor.answers([text])) for text in texts]
