from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError
from tests.making.saved_datasets import save, save_dict


def test_a_saved_data_set_is_read_by_the_names_of_its_classes(tmp_path: Path) -> None:
    folder, notes = save(tmp_path / "saved", [("a", 1), ("b", 0), ("c", 1)], n_files=2), list[str]()
    assert read_rows(FileConfig(path=folder), notes=notes) == [Row("a", "pos"), Row("b", "neg"), Row("c", "pos")]
    assert notes == [f"{folder}: 3 rows of a saved data set", "  its labels are named by the file: neg, pos"]
    nested = read_rows(FileConfig(path=folder, label="more.kind"))
    assert nested == [Row("a", "b"), Row("b", "a"), Row("c", "b")]


def test_the_indices_of_a_filtered_or_shuffled_data_set_are_obeyed(tmp_path: Path) -> None:
    folder, notes = save(tmp_path / "saved", [("a", 1), ("b", 0), ("c", -1)], indices=[1, 0]), list[str]()
    assert read_rows(FileConfig(path=folder), notes=notes) == [Row("b", "neg"), Row("a", "pos")]
    assert notes[0] == f"{folder}: 2 rows of a saved data set, which its indices pick of 3"
    with pytest.raises(
        CorpusError, match=r"cannot be read as a saved data set: its indices reach from 0 to 3, but it has 2 rows"
    ):
        read_rows(FileConfig(path=save(tmp_path / "other", [("a", 1), ("b", 0)], indices=[0, 3])))


def test_several_saved_data_sets_are_read_as_one_and_minus_one_is_no_label(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a", [("a", 1)]), save(tmp_path / "b", [("b", 0), ("c", -1)])
    config = FileConfig(path=[first, second])
    assert read_rows(config, labelled=False) == [Row("a", None), Row("b", None), Row("c", None)]
    with pytest.raises(CorpusError, match=rf"1 row has no 'label', such as row 2 of {second}, 'c'"):
        read_rows(config)
    (tmp_path / "c.csv").write_text("text,label\na,neg\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"one format, but got .*c\.csv \(CSV or TSV\) and .*a \(a data set\)"):
        read_rows(FileConfig(path=[str(tmp_path / "c.csv"), first]))


def test_the_splits_of_a_saved_data_set_are_source_dev_and_test(tmp_path: Path) -> None:
    rows = [(f"text {i}", i % 2) for i in range(40)]
    folder = save_dict(tmp_path / "dict", {"train": rows[:20], "validation": rows[20:30], "test": rows[30:]})
    corpus = load_corpus(CorpusConfig(source=folder))
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (20, 10, 10)
    assert (corpus.labels, corpus.drawn) == (("neg", "pos"), ())
    assert corpus.notes[0] == (
        f"{folder}: has the 3 splits train, validation, test; train as the source, validation as dev, test as test"
    )
    named = load_corpus(CorpusConfig(source=folder, dev=f"{folder}/test", test=f"{folder}/validation"))
    assert sorted(named.dev.texts) == sorted(text for text, _ in rows[30:])


def test_a_split_without_labels_is_no_test(tmp_path: Path) -> None:
    rows = [(f"text {i}", i % 2) for i in range(60)]
    folder = save_dict(tmp_path / "dict", {"train": rows[:50], "dev": rows[50:], "test": [("a", -1), ("b", -1)]})
    corpus = load_corpus(CorpusConfig(source=folder))
    assert (len(corpus.dev), corpus.drawn) == (10, ("test",))
    assert "  its split test has no labels, so that it is not test, which is drawn from train" in corpus.notes


def test_splits_that_a_setting_cannot_take_are_named(tmp_path: Path) -> None:
    folder = save_dict(tmp_path / "dict", {"a": [("a", 1)], "b": [("b", 0)]})
    with pytest.raises(
        CorpusError, match=rf"has the splits a, b and no train; name the one that is the source, such as {folder}/a"
    ):
        load_corpus(CorpusConfig(source=folder))
    with pytest.raises(
        CorpusError, match=r"with the splits a, b, and only `corpus\.source` takes them all; name one, such as"
    ):
        read_rows(FileConfig(path=folder))


def test_a_split_that_is_not_used_is_told(tmp_path: Path) -> None:
    rows = [(f"text {i}", i % 2) for i in range(40)]
    splits = {"train": rows[:20], "test": rows[20:30], "validation": rows[30:], "extra": [("more", 0)]}
    folder = save_dict(tmp_path / "dict", splits)
    corpus = load_corpus(CorpusConfig(source=folder, dev=f"{folder}/test", test=f"{folder}/validation"))
    assert corpus.notes[:4] == (
        f"{folder}: has the 4 splits train, test, validation, extra; train as the source",
        "  its split test is not read, as the study names its own test",
        "  its split validation is not read, as the study names its own dev",
        f"  its split extra is not read; corpus.unlabelled: {folder}/extra adds its texts to the transfer set",
    )
    assert len(load_corpus(CorpusConfig(source=folder, unlabelled=f"{folder}/extra")).transfer) == 1


@pytest.mark.parametrize("features", [[], "text", {"label": {"_type": "ClassLabel", "names": 5}}])
def test_damaged_features_of_a_saved_data_set_are_told(tmp_path: Path, features: Any) -> None:
    folder, notes = save(tmp_path / "saved", [("a", 1), ("b", 0)]), list[str]()
    (tmp_path / "saved" / "dataset_info.json").write_text(json.dumps({"features": features or [1]}), encoding="utf-8")
    assert read_rows(FileConfig(path=folder), notes=notes) == [Row("a", "1"), Row("b", "0")]
    assert notes[1] == "  the features in its dataset_info.json are damaged, so that class numbers have no names"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("state.json", "{", r"state\.json: cannot be read as JSON"),
        ("state.json", "[]", r"state\.json: must hold a JSON object, but has \[\]"),
        ("state.json", "{}", r"state\.json: names no files in _data_files; save the data set again"),
        ("data-00000-of-00001.arrow", None, r"no such file: .*\.arrow; the data set's state\.json names it"),
        ("data-00000-of-00001.arrow", "no arrow", r"cannot be read as a saved data set: "),
    ],
)
def test_a_damaged_saved_data_set_is_refused(tmp_path: Path, file: str, content: str | None, message: str) -> None:
    folder = save(tmp_path / "saved", [("a", 1)])
    (tmp_path / "saved" / file).unlink()
    if content is not None:
        (tmp_path / "saved" / file).write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(FileConfig(path=folder))
    assert "\n" not in str(caught.value)
