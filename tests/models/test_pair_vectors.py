"""Vectors of texts, each computed once, give the answers of the pairs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import distune
from distune.models.answers import TextError
from distune.models.checkpoint import Checkpoint
from distune.models.checkpoint_folder import SUMS, CheckpointError, check_folder
from distune.models.compression.apply import compress
from distune.models.compression.config import (
    AnyCompressionConfig,
    EmbeddingInt8Config,
    HalfConfig,
    Int8Config,
    Int8StaticConfig,
    LowRankConfig,
)
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.decision import even
from distune.models.pair_vectors import PAIR_HEAD
from distune.models.students.config import AnyStudentConfig, AverageConfig
from tests.making.checkpoints import save_student
from tests.making.pairs import FAMILIES, ROWS, TOKENS, VOCABULARY, pair_student

TEXTS = ["好书", "差", "店", "好店书", "？", "好差", "书书书"]
PAIRS = [(a, b) for a in TEXTS for b in TEXTS]
ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-5
AVERAGE = next(config for config in FAMILIES if isinstance(config, AverageConfig))
BILSTM = next(config for config in FAMILIES if config.kind == "bilstm")
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(
        config: AnyStudentConfig, pair: str = "siamese", *compressions: AnyCompressionConfig, **settings: Any
    ) -> Path:
        config = config.model_copy(update={"pair": pair})
        trained = Trained(pair_student(config, pair), config)  # type: ignore[arg-type]
        material = CalibrationData([np.array(row) for row in ROWS], lambda *_: None)
        found = compress(trained, compressions, material)
        checkpoint = Checkpoint(
            trained=found.trained,
            tokens=TOKENS,
            vocabulary=VOCABULARY,
            dimension=4,
            labels=("no", "yes"),
            quantized=None if found.is_exact else found.graph,
            **settings,
        )
        return save_student(checkpoint, tmp_path / "student")

    return saved


def compared(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities of PAIRS by vectors, and as pairs one by one."""
    student = distune.load(folder)
    vectors = student.encode(TEXTS)
    by_vectors = np.concatenate([student.compare(vector, vectors) for vector in vectors])
    return by_vectors, np.concatenate([student.predict_proba([pair]) for pair in PAIRS])


@pytest.mark.parametrize("pair", ["siamese", "symmetric"])
@pytest.mark.parametrize("config", FAMILIES, ids=lambda config: config.kind)
def test_vectors_give_the_probabilities_of_the_pair(config: AnyStudentConfig, pair: str, save: Save) -> None:
    by_vectors, by_pairs = compared(save(config, pair))
    np.testing.assert_allclose(by_vectors, by_pairs, atol=TOLERANCE)
    assert by_pairs[:, 1].std() > 0.01  # The student tells the pairs apart.


@pytest.mark.parametrize(
    "compression",
    [
        HalfConfig(kind="half"),
        EmbeddingInt8Config(kind="embedding_int8"),
        LowRankConfig(kind="low_rank", rank=2),
        Int8StaticConfig(kind="int8_static"),
    ],
    ids=lambda config: config.kind,
)
@pytest.mark.parametrize("config", [AVERAGE, BILSTM], ids=lambda config: config.kind)
def test_compressed_students_give_the_probabilities_of_the_pair(
    config: AnyStudentConfig, compression: AnyCompressionConfig, save: Save
) -> None:
    by_vectors, by_pairs = compared(save(config, "siamese", compression))
    np.testing.assert_allclose(by_vectors, by_pairs, atol=TOLERANCE)


def test_dynamic_int8_that_reads_each_text_exactly_gives_the_probabilities_of_the_pair(save: Save) -> None:
    folder = save(AVERAGE.model_copy(update={"hidden_layer": 3}), "siamese", Int8Config(kind="int8"))
    assert b"DynamicQuantize" in (folder / "model.onnx").read_bytes()
    by_vectors, by_pairs = compared(folder)
    np.testing.assert_allclose(by_vectors, by_pairs, atol=TOLERANCE)


def test_several_labels_are_answered_by_vectors_too(save: Save) -> None:
    by_vectors, by_pairs = compared(save(AVERAGE, "siamese", decision=even(2)))
    np.testing.assert_allclose(by_vectors, by_pairs, atol=TOLERANCE)


def test_pairs_of_vectors_are_compared_row_by_row_or_one_with_all(save: Save) -> None:
    student = distune.load(save(AVERAGE))
    vectors = student.encode(iter(TEXTS))
    expected = student.predict_proba([("好书", "店"), ("差", "好店书")])
    np.testing.assert_allclose(student.compare(vectors[:2], vectors[2:4]), expected, atol=TOLERANCE)
    one_with_all = student.compare(vectors[1:2], vectors)
    assert one_with_all.shape == (7, 2)
    np.testing.assert_allclose(one_with_all[3], expected[1], atol=TOLERANCE)
    np.testing.assert_allclose(student.compare(vectors, vectors[3])[1], expected[1], atol=TOLERANCE)
    assert student.encode([]).shape == (0, vectors.shape[1])
    assert student.compare(vectors[0], vectors[:0]).shape == (0, 2)


def test_the_folders_own_package_encodes_and_compares(save: Save) -> None:
    folder = save(BILSTM)
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from distune_student import load; student = load(); "
        "u, v = student.encode(['好书', '店']); print(json.dumps(student.compare(u, v)[0].tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True, cwd=folder.parent
    )
    np.testing.assert_allclose(
        json.loads(done.stdout), distune.load(folder).predict_proba([("好书", "店")])[0], atol=TOLERANCE
    )


def test_the_head_has_a_checksum_and_a_folder_without_it_is_not_whole(save: Save) -> None:
    folder = save(AVERAGE)
    assert f"  {PAIR_HEAD}\n" in (folder / SUMS).read_text(encoding="utf-8")
    (folder / PAIR_HEAD).unlink()
    with pytest.raises(CheckpointError, match=r"is not whole: it lacks pair_head\.onnx"):
        check_folder(folder)


def test_students_that_are_not_siamese_refuse_in_one_line(save: Save, exported: Path) -> None:
    with pytest.raises(CheckpointError, match=r"reads both texts of a pair as one \(student\.pair: joined\)"):
        distune.load(save(AVERAGE, "joined")).encode(["好"])
    with pytest.raises(CheckpointError, match="answers single texts, and so compares none"):
        distune.load(exported).encode(["好"])


def test_dynamic_int8_over_both_texts_refuses_in_one_line(save: Save) -> None:
    folder = save(BILSTM, "siamese", Int8Config(kind="int8"))
    assert not (folder / PAIR_HEAD).exists()
    student = distune.load(folder)
    assert student.predict_proba([("好", "书")]).shape == (1, 2)
    with pytest.raises(CheckpointError, match="is in dynamic INT8, which reads both texts of a pair by one range"):
        student.encode(["好"])


def test_a_folder_of_an_earlier_version_answers_pairs_and_says_that_it_has_no_vectors(save: Save) -> None:
    folder = save(AVERAGE)
    expected = distune.load(folder).predict_proba([("好书", "店")])
    for name in (PAIR_HEAD, SUMS):
        (folder / name).unlink()
    model = onnx.load(folder / "model.onnx")
    del model.graph.output[1]
    onnx.save(model, folder / "model.onnx")
    student = distune.load(folder)
    np.testing.assert_array_equal(student.predict_proba([("好书", "店")]), expected)
    for ask in (lambda: student.encode(["好"]), lambda: student.compare(np.zeros((1, 4)), np.zeros((1, 4)))):
        with pytest.raises(CheckpointError, match="is of an earlier version, whose network gives no vectors"):
            ask()


def test_a_head_that_is_another_graph_is_refused(save: Save) -> None:
    folder = save(AVERAGE)
    (folder / SUMS).unlink()
    shutil.copyfile(folder / "model.onnx", folder / PAIR_HEAD)
    with pytest.raises(CheckpointError, match=r"pair_head\.onnx is no graph from states to logits"):
        distune.load(folder).encode(["好"])
    (folder / PAIR_HEAD).write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"pair_head\.onnx cannot be opened"):
        distune.load(folder).encode(["好"])


def test_what_cannot_be_encoded_or_compared_is_refused_in_one_line(save: Save) -> None:
    student = distune.load(save(AVERAGE))
    with pytest.raises(TextError, match="row 1: a text to encode must be a string, but got None"):
        student.encode(["好", None])  # type: ignore[list-item]
    with pytest.raises(TextError, match="row 1: a text to encode must be a string, but got "):
        student.encode(["好", ("好", "书")])
    with pytest.raises(TextError, match="row 1 is blank"):
        student.encode(["好", " "])
    with pytest.raises(TypeError, match="a list of texts, but got one"):
        student.encode("好")
    vectors = student.encode(TEXTS)
    with pytest.raises(ValueError, match="but got 2 and 3: for all with all"):
        student.compare(vectors[:2], vectors[:3])
    with pytest.raises(ValueError, match=r"an array \[texts, 4\] of floats, but the second is \[7, 3\] of float32"):
        student.compare(vectors, vectors[:, :3])
    with pytest.raises(ValueError, match="but the first is"):
        student.compare(["好"], vectors)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="but the first have a number that is not finite"):
        student.compare(vectors * np.nan, vectors)


def test_the_program_of_the_page_finds_the_stored_question_that_is_most_alike(save: Save, tmp_path: Path) -> None:
    folder = save(BILSTM)
    (tmp_path / "stored.txt").write_text("差\n店\n好店书\n", encoding="utf-8")
    program = [
        sys.executable,
        str(ROOT / "examples" / "use" / "most_alike.py"),
        str(folder),
        str(tmp_path / "stored.txt"),
    ]
    done = subprocess.run(program, input="好书\n书书书\n", capture_output=True, text=True, check=True)
    student, stored = distune.load(folder), ["差", "店", "好店书"]
    expected = []
    for question in ("好书", "书书书"):
        alike = student.predict_proba([(question, text) for text in stored])[:, 1]
        expected.append(f"{alike.max():.4f}\t{question}\t{stored[alike.argmax()]}")
    assert done.stdout.splitlines() == expected
