"""Word vectors that gensim saved, alone or in a model: read as gensim reads them, and no other pickle is."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec

from distune.models.errors import ModelError
from distune.models.vectors.vector_files import read_vector_file

WANTED = ("好", "书", "nba", ",", "new york", "don't")


def file_of(place: Path, content: str | bytes, name: str = "v.txt") -> Path:
    path = place / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def trained() -> Word2Vec:
    return Word2Vec([["好", "书", "nba"]] * 9, vector_size=4, min_count=1, workers=1, epochs=1)


def test_what_gensim_saved_is_read_alone_or_as_part_of_a_model(tmp_path: Path) -> None:
    model = trained()
    model.save(str(tmp_path / "model.kv"))
    model.wv.save(str(tmp_path / "alone.kv"))
    model.wv.save(str(tmp_path / "beside.kv"), sep_limit=1)
    assert (tmp_path / "beside.kv.vectors.npy").is_file()
    for name in ("model", "alone", "beside"):
        found = read_vector_file(tmp_path / f"{name}.kv", WANTED)
        assert (found.dimension, set(found.vectors)) == (4, {"好", "书", "nba"})
        np.testing.assert_array_equal(found.vectors["好"], model.wv["好"])
    keyed = KeyedVectors(2)
    keyed.add_vectors(["NBA", "，"], np.ones((2, 2), np.float32))
    keyed.save(str(tmp_path / "spelt.kv"))
    found = read_vector_file(tmp_path / "spelt.kv", WANTED)
    assert (set(found.vectors), found.n_respelt) == ({"nba", ","}, 2)


def test_fasttext_of_gensim_makes_vectors_of_words_that_it_lacks(tmp_path: Path) -> None:
    model = FastText(
        [["好书", "书店"]] * 9, vector_size=4, min_count=1, min_n=1, max_n=2, bucket=99, epochs=1, workers=1
    )
    model.wv.save(str(tmp_path / "v.kv"))
    assert {"好", "书"} <= set(read_vector_file(tmp_path / "v.kv", WANTED).vectors)


class Other:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this runs",)


def test_other_pickles_are_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in (Other(), {"好": [1, 2]}, [1], trained().wv.vectors):
        path = file_of(tmp_path, pickle.dumps(content), "v.kv")
        with pytest.raises(ModelError, match=r"v.kv cannot be read as KeyedVectors of gensim"):
            read_vector_file(path, WANTED)
    assert capsys.readouterr().out == ""
    damaged = pickle.dumps(trained().wv)[:-40]
    with pytest.raises(ModelError, match=r"v.kv cannot be read as KeyedVectors of gensim"):
        read_vector_file(file_of(tmp_path, damaged, "v.kv"), WANTED)


def test_no_pickle_that_a_pickle_names_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A part of a part names a second pickle; gensim reads those of sparse matrices so."""
    inner, middle, outer = KeyedVectors(2), KeyedVectors(2), KeyedVectors(2)
    outer.add_vectors(["好"], np.ones((1, 2), np.float32))
    inner.__dict__["__scipys"] = ["x"]
    middle.__dict__ |= {"inner": inner, "__recursive_saveloads": ["inner"]}
    outer.__dict__ |= {"middle": middle, "__recursive_saveloads": ["middle"]}
    file_of(tmp_path, pickle.dumps(Other()), "v.kv.middle.inner.x.npy")
    found = read_vector_file(file_of(tmp_path, pickle.dumps(outer), "v.kv"), WANTED)
    assert set(found.vectors) == {"好"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "named",
    [
        "os system",
        "builtins eval",
        "gensim.models.word2vec LineSentence.__init__",
        "gensim.utils unpickle",
        "numpy load",
    ],
)
def test_what_a_pickle_asks_for_is_named_with_the_way_around_it(named: str, tmp_path: Path) -> None:
    module, name = named.split()
    content = f"\x80\x02c{module}\n{name}\nX\x04\0\0\0true\x85R.".encode("latin1")
    line = re.escape(
        f"it names {module}.{name}, which belongs to no word vectors of gensim; where it comes from a source that you trust"
    )
    with pytest.raises(ModelError, match=rf"v\.kv cannot .*{line}.*save_word2vec_format"):
        read_vector_file(file_of(tmp_path, content, "v.kv"), WANTED)


def test_gensims_classes_are_neither_made_nor_changed(tmp_path: Path) -> None:
    """By a pickle that calls one with a file's name, and by one that sets an attribute of the class."""
    file_of(tmp_path, b"a b", "secret")
    called = "\x80\x02cgensim.models.word2vec\nPathLineSentences\nX\x06\0\0\0secret\x85R.".encode("latin1")
    changed = b"\x80\x02cgensim.models.keyedvectors\nKeyedVectors\nN}X\x04\0\0\0loadNs\x86b."
    for content in (called, changed):
        with pytest.raises(ModelError, match=r"v\.kv cannot be read as KeyedVectors of gensim"):
            read_vector_file(file_of(tmp_path, content, "v.kv"), WANTED)
    assert KeyedVectors.load is not None


def test_fasttext_is_read_as_gensim_reads_it(tmp_path: Path) -> None:
    """With the vectors of its words and without, which gensim leaves out of what it saves."""
    words = [["nba", "好书", "书店", "酒店"]] * 9
    model = FastText(words, vector_size=4, min_count=1, min_n=1, max_n=2, bucket=99, epochs=1, workers=1)
    for protocol in (2, 4, 5):
        content = pickle.dumps(model.wv, protocol=protocol)
        found = read_vector_file(file_of(tmp_path, content, "pickled.kv"), WANTED)
        assert found.vectors.keys() == set(WANTED)
        for word in WANTED:
            np.testing.assert_allclose(found.vectors[word], model.wv[word], rtol=1e-5)
    model.save(str(tmp_path / "model.kv"))
    found = read_vector_file(tmp_path / "model.kv", WANTED)
    for word in WANTED:
        np.testing.assert_allclose(found.vectors[word], model.wv[word], rtol=1e-5)


def test_a_pickled_dictionary_of_vectors_is_named(tmp_path: Path) -> None:
    path = file_of(tmp_path, pickle.dumps({"好": [1.0, 2.0]}), "v.kv")
    line = "it holds a dict and no word vectors; save a KeyedVectors by its save, or a word and its numbers a line"
    with pytest.raises(ModelError, match=rf"v.kv cannot be read as KeyedVectors of gensim: {line}$"):
        read_vector_file(path, WANTED)


def test_arrays_that_are_not_beside_a_file_of_gensim_are_named(tmp_path: Path) -> None:
    trained().wv.save(str(tmp_path / "v.kv"), sep_limit=1)
    (tmp_path / "v.kv.vectors.npy").unlink()
    with pytest.raises(
        ModelError, match=r"v.kv cannot be read: its arrays are in v.kv.vectors.npy, which must be in the same folder"
    ):
        read_vector_file(tmp_path / "v.kv", WANTED)
