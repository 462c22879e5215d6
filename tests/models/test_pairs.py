"""Students of pairs: each of the two texts is read by itself, whatever the padding and the order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import distune
from distune.corpora.encoding import MARK, SEPARATOR_ID, Encoder, load_encoder
from distune.models.answers import TextError
from distune.models.checkpoint import load_checkpoint
from distune.models.compression.apply import compress
from distune.models.compression.config import PruneUnitsConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.network import open_session, run_network
from distune.models.onnx_export import export_onnx
from distune.models.predictor import Predictor
from distune.models.students import pairs
from distune.models.students.config import AnyStudentConfig
from distune.models.students.pairs import split_pairs
from distune.models.students.student import student_logits
from distune.tuning.tracking.pyfunc_model import _student as student_of_mlflow
from tests.conftest import student_name
from tests.making.checkpoints import save_student
from tests.making.pairs import FAMILIES, PAIRS, ROWS, TOKENS, VOCABULARY, pair_checkpoint, pair_student


@pytest.fixture(params=FAMILIES, ids=student_name)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


def test_a_pair_is_taken_apart_at_its_separator() -> None:
    token_ids = torch.tensor([[3, 4, 2, 5, 0], [3, 2, 4, 5, 6]])
    texts, lengths = split_pairs(token_ids, torch.tensor([4, 5]))
    assert texts.tolist() == [[3, 4, 0, 0, 0], [3, 0, 0, 0, 0], [5, 0, 0, 0, 0], [4, 5, 6, 0, 0]]
    assert lengths.tolist() == [2, 1, 1, 3]


def test_the_separator_is_the_same_for_encoders_and_students() -> None:
    assert pairs.SEPARATOR_ID == SEPARATOR_ID == VOCABULARY.index("[SEP]")


@pytest.mark.parametrize(
    ("pair", "overlap"),
    [("siamese", False), ("symmetric", False), ("siamese", True), ("symmetric", True), ("joined", True)],
)
def test_onnx_answers_pairs_as_torch_does_in_any_batch(config: AnyStudentConfig, pair: str, overlap: bool) -> None:
    student = pair_student(config, pair, overlap)
    expected = student_logits(student, [np.array(row) for row in ROWS])
    session = open_session(export_onnx(student))
    np.testing.assert_allclose(run_network(session, ROWS), expected, atol=1e-5)
    alone = np.concatenate([run_network(session, [row]) for row in ROWS])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_a_siamese_student_sees_both_states_their_distance_and_their_product(config: AnyStudentConfig) -> None:
    student = pair_student(config, "siamese")
    u, v = (student.state(torch.tensor([row]), torch.tensor([len(row)])) for row in ([3, 4, 5], [6]))
    pooled = student.pooled(torch.tensor([ROWS[1]]), torch.tensor([5]))
    torch.testing.assert_close(pooled, torch.cat([u, v, (u - v).abs(), u * v], dim=1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("overlap", [False, True])
def test_a_symmetric_student_answers_both_orders_the_same_and_a_siamese_one_does_not(
    config: AnyStudentConfig, overlap: bool
) -> None:
    turned = [[6, 2, 3, 4, 5]]
    for pair, is_same in (("symmetric", True), ("siamese", False)):
        student = pair_student(config, pair, overlap)
        one, other = (student_logits(student, [np.array(row) for row in rows]) for rows in ([ROWS[1]], turned))
        assert np.allclose(one, other, atol=1e-5) == is_same


@pytest.mark.parametrize("overlap", [False, True])
def test_units_are_pruned_in_each_state_of_a_pair(config: AnyStudentConfig, overlap: bool) -> None:
    student = pair_student(config, "siamese", overlap)
    rows = [np.array(row) for row in ROWS]
    trained = Trained(student, config.model_copy(update={"pair": "siamese", "overlap": overlap}))
    found = compress(
        trained, [PruneUnitsConfig(kind="prune_units", keep=1.0, epochs=0)], CalibrationData(rows, lambda *_: None)
    )
    np.testing.assert_allclose(student_logits(found.trained.student, rows), student_logits(student, rows), atol=1e-5)


def test_each_text_of_a_pair_is_cut_and_limited_by_itself() -> None:
    encoder = Encoder(TOKENS, VOCABULARY)
    assert encoder(("好书", "差")) == [3, 5, 2, 4]
    assert encoder(f"好书{MARK}差") == [3, 5, 2, 4]
    assert encoder(("好好好好好好", "书书书书书")) == [3] * 4 + [2] + [5] * 4
    assert encoder(("", "[SEP]")) == [1, 2, 1, 1, 1, 1]  # A text cannot spell the separator.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_student(pair_checkpoint(), tmp_path / "student")


def test_every_way_of_asking_answers_pairs(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    answers = list(predictor.answers(PAIRS))
    assert [answer["has_known_token"] for answer in answers] == [True, True, True]
    assert not next(predictor.answers([("", "")]))["has_known_token"]
    labels = [answer["label"] for answer in answers]
    assert distune.load(folder).predict(PAIRS) == labels
    assert distune.load(folder).predict_proba(PAIRS).shape == (3, 2)
    assert [answer["label"] for answer in student_of_mlflow(folder).answers(PAIRS)] == labels
    lines = "".join("\t".join(pair) + "\n" for pair in PAIRS) + "\n"
    done = subprocess.run([sys.executable, str(folder)], input=lines, text=True, capture_output=True, check=True)
    *said, blank = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["label"] for answer in said] == labels
    assert not blank["has_known_token"]
    torch_answers = student_logits(
        load_checkpoint(folder).trained.student, [np.array(predictor.encoder(p)) for p in PAIRS]
    )
    np.testing.assert_allclose(predictor.logits(PAIRS), torch_answers, atol=1e-5)


@pytest.mark.parametrize("text", ["好书", ("好",), ("好", None), ["好", "书", "店"], None], ids=repr)
def test_what_is_no_pair_is_refused_by_its_row(folder: Path, text: object) -> None:
    with pytest.raises(
        TextError, match="row 1: this student answers pairs, so that each text must be two strings, but got"
    ):
        list(Predictor(folder, load_encoder(folder)).answers([PAIRS[0], text]))  # type: ignore[list-item]


@pytest.mark.parametrize(("pair", "side"), [(("好", " "), "second"), (("", "好"), "first")])
def test_a_pair_without_one_of_its_texts_is_refused_by_every_way_of_asking(
    folder: Path, pair: tuple[str, str], side: str
) -> None:
    predictor, student = Predictor(folder, load_encoder(folder)), distune.load(folder)
    for ask in (
        lambda pairs: list(predictor.answers(pairs)),
        student.predict,
        student.predict_proba,
        lambda pairs: list(student.predict(iter(pairs))),
    ):
        with pytest.raises(TextError, match=f"row 1 is a pair without its {side} text, but got "):
            ask([PAIRS[0], pair])
    with pytest.raises(TextError, match=f"row 0 is a pair without its {side} text"):
        predictor.label(pair)
    with pytest.raises(Exception, match=f"row 0 is a pair without its {side} text"):
        list(student_of_mlflow(folder).answers([pair]))
    lines = "".join("\t".join(one) + "\n" for one in (PAIRS[0], pair))
    done = subprocess.run([sys.executable, str(folder)], input=lines, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert f"line 2 is a pair without its {side} text" in done.stderr


def test_a_line_without_its_tab_is_refused_by_its_number(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(folder)], input="好\t书\n好书\n", text=True, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1  # The line before it is answered.
    assert (
        "line 2: this student answers pairs: a line needs two texts with one tab between them, but got '好书'"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
