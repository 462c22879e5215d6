from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from gensim.models import KeyedVectors
from pydantic import TypeAdapter, ValidationError

from distune.models.errors import ModelError
from distune.models.vectors.config import (
    AnyVectorsConfig,
    FastTextConfig,
    FileVectorsConfig,
    OwnVectorsConfig,
    RandomVectorsConfig,
    TeacherVectorsConfig,
    VectorsConfig,
    Word2VecConfig,
)
from distune.models.vectors.word_vectors import SOURCES, build_vectors, principal_components

VOCABULARY = ("[PAD]", "[UNK]", "好", "书", "酒店")
SENTENCES = [["好", "书"], ["好", "酒店"], ["书", "好", "酒店", "rare"]] * 20
KNOWN = {"好": [1.0, 2.0, 3.0], "书": [4.0, 5.0, 6.0]}


def vectors_file(tmp_path: Path, name: str) -> FileVectorsConfig:
    keyed = KeyedVectors(3)
    keyed.add_vectors(list(KNOWN), np.array(list(KNOWN.values()), np.float32))
    path = tmp_path / name
    if path.suffix == ".kv":
        keyed.save(str(path))
    else:
        keyed.save_word2vec_format(str(path), binary=path.suffix == ".bin")
    return FileVectorsConfig(path=path, dimension=3)


def test_an_ngram_starts_as_the_mean_of_its_words(tmp_path: Path) -> None:
    found = build_vectors(vectors_file(tmp_path, "v.txt"), (*VOCABULARY, "好 书", "好 酒店"), [], seed=1)
    np.testing.assert_allclose(found.matrix[5], [2.5, 3.5, 4.5])
    assert found.coverage == 3 / 7  # 酒店 has no vector, nor has what it is a part of.
    assert np.abs(found.matrix[6]).sum() > 0


@pytest.mark.parametrize(
    "config",
    [
        Word2VecConfig(dimension=6, epochs=1),
        Word2VecConfig(dimension=6, epochs=1, architecture="cbow"),
        FastTextConfig(kind="fasttext", dimension=6, epochs=1),
        FastTextConfig(kind="fasttext", dimension=6, epochs=1, architecture="cbow"),
        RandomVectorsConfig(dimension=6),
        Word2VecConfig(dimension=9, reduce_to=6, epochs=1),
        RandomVectorsConfig(dimension=7, reduce_to=6),
    ],
)
def test_vectors_have_a_row_for_each_word_and_a_zero_for_padding(config: OwnVectorsConfig) -> None:
    found = build_vectors(config, VOCABULARY, SENTENCES, seed=1)
    assert found.matrix.shape == (5, 6)
    assert found.matrix.dtype == np.float32
    assert np.abs(found.matrix[0]).sum() == 0
    assert (np.abs(found.matrix[1:]).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(build_vectors(config, VOCABULARY, SENTENCES, seed=1).matrix, found.matrix)
    assert np.abs(build_vectors(config, VOCABULARY, SENTENCES, seed=2).matrix - found.matrix).max() > 0


def test_every_kind_of_vectors_has_its_source() -> None:
    assert set(SOURCES) == set(get_args(OwnVectorsConfig))
    assert set(get_args(AnyVectorsConfig)) == {*SOURCES, TeacherVectorsConfig}


def test_principal_components_keep_what_differs_most() -> None:
    # On a line in the direction (3, 4): along it the points stand at -5, 0 and 5.
    points = np.array([[-3.0, -4.0], [0.0, 0.0], [3.0, 4.0]], np.float32) + np.float32(7)
    found = principal_components(points, 1)
    assert (found * np.sign(found[2])).ravel() == pytest.approx([-5, 0, 5], abs=1e-5)


def test_no_more_components_are_kept_than_there_are() -> None:
    with pytest.raises(ValidationError, match="reduce_to must be <= dimension=4, but got reduce_to=5"):
        RandomVectorsConfig(dimension=4, reduce_to=5)


def test_trained_vectors_cover_the_words_that_occur() -> None:
    assert build_vectors(Word2VecConfig(dimension=4), VOCABULARY, SENTENCES, 1).coverage == pytest.approx(3 / 5)
    assert build_vectors(RandomVectorsConfig(dimension=4), VOCABULARY, SENTENCES, 1).coverage == 0


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.kv"])
def test_vectors_are_read_from_every_format(tmp_path: Path, name: str) -> None:
    found = build_vectors(vectors_file(tmp_path, name), VOCABULARY, SENTENCES, 1)
    np.testing.assert_array_equal(found.matrix[2:4], list(KNOWN.values()))
    assert found.coverage == pytest.approx(2 / 5)


def test_another_dimension_than_the_study_says_is_refused(tmp_path: Path) -> None:
    config = vectors_file(tmp_path, "v.txt").model_copy(update={"dimension": 4})
    with pytest.raises(ModelError, match="vectors of dimension 3, but the study says dimension=4"):
        build_vectors(config, VOCABULARY, SENTENCES, 1)


def test_vectors_for_none_of_the_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no vector for any of the 2 words"):
        build_vectors(vectors_file(tmp_path, "v.txt"), ("[PAD]", "[UNK]"), SENTENCES, 1)


def test_a_file_that_is_missing_or_holds_no_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such word-vector file"):
        build_vectors(FileVectorsConfig(path=tmp_path / "none.txt", dimension=3), VOCABULARY, SENTENCES, 1)
    (tmp_path / "bad.txt").write_text("nothing of the kind\n")
    with pytest.raises(ModelError, match="cannot be read as word2vec vectors"):
        build_vectors(FileVectorsConfig(path=tmp_path / "bad.txt", dimension=3), VOCABULARY, SENTENCES, 1)


@pytest.mark.parametrize("kind", ["word2vec", "fasttext"])
def test_without_gensim_trained_vectors_are_refused_in_one_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config: AnyVectorsConfig = TypeAdapter(VectorsConfig).validate_python({"kind": kind, "dimension": 4})
    with pytest.raises(
        ModelError, match=rf"vectors of kind {kind} need the package gensim, .* no wheel for Python 3\.14"
    ):
        build_vectors(config, ["[PAD]", "[UNK]", "好"], [["好"]], 0)
    random = RandomVectorsConfig(dimension=4)
    assert build_vectors(random, ["[PAD]", "[UNK]", "好"], [["好"]], 0).matrix.shape == (3, 4)
