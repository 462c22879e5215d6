from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.texts import CorpusError, content_key
from tests.making.corpora import ROWS, csv, load_rows


def test_every_text_stands_in_one_split(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path, dev_fraction=0.2, test_fraction=0.2)
    assert sorted(corpus.texts()) == sorted(text for text, _ in ROWS)
    for one, other in itertools.combinations(corpus.splits.values(), 2):
        assert not set(one.texts) & set(other.texts)
    # 300 draws at 0.2: 60, standard deviation 6.9
    assert 30 < len(corpus.dev) < 90
    assert 30 < len(corpus.test) < 90


def test_the_split_does_not_depend_on_the_order_or_number_of_rows(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path)
    assert load_rows(tmp_path, ROWS[::-1]).dev.texts == corpus.dev.texts
    more = load_rows(tmp_path, [*ROWS, *((f"new {i}", "a") for i in range(100))])
    assert set(corpus.dev.texts) == {text for text in more.dev.texts if not text.startswith("new")}


def test_two_spellings_of_one_text_fall_into_one_split(tmp_path: Path) -> None:
    rows = [*ROWS, *((text.replace(" ", "\u3000"), label) for text, label in ROWS)]
    corpus = load_rows(tmp_path, rows)
    keys = [{content_key(text) for text in split.texts} for split in corpus.splits.values()]
    assert sum(map(len, keys)) == 300


def test_a_part_of_the_transfer_set_is_drawn_by_content_and_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    whole = load_rows(tmp_path, labelled=30)
    small, larger = load_rows(tmp_path, labelled=30, transfer=20), load_rows(tmp_path, labelled=30, transfer=90)
    assert (len(small.transfer), len(larger.transfer)) == (20, 90)
    assert set(small.transfer.texts) < set(larger.transfer.texts) < set(whole.transfer.texts)
    for name in ("train", "dev", "test"):
        assert small.splits[name].texts == whole.splits[name].texts
    assert len(load_rows(tmp_path, labelled=30, transfer=0).transfer) == 0


def test_labelled_keeps_balanced_labels_and_turns_the_rest_into_the_transfer_set(tmp_path: Path) -> None:
    whole, part = load_rows(tmp_path), load_rows(tmp_path, labelled=10)
    assert np.bincount(part.train.labels).tolist() == [4, 3, 3]
    assert set(part.train.texts) | set(part.transfer.texts) == set(whole.train.texts)
    assert (part.transfer.labels == -1).all()
    assert (part.dev.texts, part.test.texts) == (whole.dev.texts, whole.test.texts)


def test_fewer_labelled_texts_are_among_more(tmp_path: Path) -> None:
    assert set(load_rows(tmp_path, labelled=9).train.texts) < set(load_rows(tmp_path, labelled=30).train.texts)


def test_labels_select_and_per_class_downsamples(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path, labels=["c", "a"], per_class=40)
    labels = np.concatenate([split.labels for split in corpus.splits.values()])
    assert corpus.labels == ("c", "a")
    assert np.bincount(labels).tolist() == [40, 40]


def test_dev_and_test_may_be_files_of_their_own(tmp_path: Path) -> None:
    dev = csv(tmp_path / "dev.csv", [("d1", "a"), ("d2", "b")])
    test = csv(tmp_path / "test.csv", [("t1", "c")])
    corpus = load_rows(tmp_path, dev=str(dev), test=str(test))
    assert (set(corpus.dev.texts), corpus.test.texts, len(corpus.train)) == ({"d1", "d2"}, ("t1",), 300)


def test_further_unlabelled_texts_join_the_transfer_set_but_never_those_of_other_splits(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text\nnew one\n" + "\n".join(text for text, _ in ROWS) + "\n", encoding="utf-8")
    corpus = load_rows(tmp_path, unlabelled=str(tmp_path / "more.csv"))
    assert corpus.transfer.texts == ("new one",)


def test_a_text_in_two_splits_is_refused_even_in_another_spelling(tmp_path: Path) -> None:
    dev = csv(tmp_path / "dev.csv", [("文本\u30003", "a"), ("d", "b")])
    with pytest.raises(CorpusError, match=r"1 text stands in two splits, such as '.*'; clean the files"):
        load_rows(tmp_path, dev=str(dev))


def test_further_files_of_the_transfer_set_have_columns_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text\nnew one\n", encoding="utf-8")
    (tmp_path / "titles.txt").write_text(f"a title\nnew one\n{ROWS[0][0]}\n", encoding="utf-8")
    titles = {"path": str(tmp_path / "titles.txt"), "columns": ["text"]}
    corpus = load_rows(tmp_path, unlabelled=str(tmp_path / "more.csv"), more_unlabelled=[titles])
    assert corpus.transfer.texts == ("a title", "new one")


def test_what_stands_in_a_test_file_is_in_no_part_that_is_drawn(tmp_path: Path) -> None:
    test = csv(tmp_path / "test.csv", [(text, label) for text, label in ROWS[:100]])
    corpus = load_rows(tmp_path, test=str(test), dev_fraction=0.5, drop_overlap=True)
    assert {text for text, _ in ROWS[:100]} == set(corpus.test.texts)
    assert len(corpus.train) + len(corpus.dev) == 200


def test_an_overlap_may_be_dropped_from_train(tmp_path: Path) -> None:
    dev = csv(tmp_path / "dev.csv", [("文本\u30003", "a"), ("d", "b")])
    corpus = load_rows(tmp_path, dev=str(dev), test_fraction=0.1, drop_overlap=True)
    assert "文本 3" not in corpus.train.texts
    assert any("1 text of the source dropped: dev or test has the same" in note for note in corpus.notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["a", "z"]}, "unknown label 'z'; .* has a, b, c"),
        ({"transfer": 1}, "transfer must be <= 0, the size of the transfer set, but got transfer=1"),
        ({"labelled": 9999}, "labelled must be <= .* but got labelled=9999"),
        ({"per_class": 101}, "per_class must be <= 100, .* but got per_class=101"),
        ({"dev_fraction": 0}, "the dev split is empty"),
    ],
)
def test_a_corpus_that_cannot_be_is_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load_rows(tmp_path, **settings)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"one class only \('a'\)"):
        load_rows(tmp_path, [("x", "a"), ("y", "a")])


def test_an_unknown_label_in_a_dev_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="unknown label 'z'; the corpus has a, b, c"):
        load_rows(tmp_path, dev=str(csv(tmp_path / "dev.csv", [("d", "z")])))


def test_labels_pick_from_every_file_and_it_is_said_how_many_rows_go(tmp_path: Path) -> None:
    dev = csv(tmp_path / "dev.csv", [("d1", "a"), ("d2", "b"), ("d3", "z")])
    corpus = load_rows(tmp_path, dev=str(dev), labels=["b", "a"])
    assert sorted(corpus.dev.texts) == ["d1", "d2"]
    left_out = [note.strip() for note in corpus.notes if "other classes" in note]
    assert left_out == [
        "100 rows of other classes than `labels` names left out: c (100)",
        "1 row of other classes than `labels` names left out: z (1)",
    ]


def test_a_class_without_a_text_in_a_split_is_named(tmp_path: Path) -> None:
    dev, test = (
        csv(tmp_path / "dev.csv", [("d1", "a")]),
        csv(tmp_path / "test.csv", [("t", "b"), ("u", "a"), ("v", "c")]),
    )
    corpus = load_rows(tmp_path, dev=str(dev), test=str(test))
    assert "dev has no text of the classes 'b', 'c'" in corpus.notes
    assert corpus.class_counts()["b"] == {"train": 100, "dev": 0, "test": 1}


@pytest.mark.parametrize("seed", range(20))
def test_labelled_keeps_a_valid_corpus_valid_whatever_the_seed(tmp_path: Path, seed: int) -> None:
    rows = [
        *ROWS,
        *((text.replace("文本", "文本 A"), label) for text, label in ROWS),
        *((text.replace("文本", "文本 a"), label) for text, label in ROWS),
    ]
    assert len(load_rows(tmp_path, rows, labelled=30, seed=seed).train) == 30


def test_what_remains_of_labelled_goes_to_classes_that_have_room(tmp_path: Path) -> None:
    rows = (
        [(f"a{i}", "a") for i in range(3)] + [(f"b{i}", "b") for i in range(20)] + [(f"c{i}", "c") for i in range(20)]
    )
    held_out = csv(tmp_path / "held.csv", [("h1", "a"), ("h2", "b"), ("h3", "c")])
    other = csv(tmp_path / "held2.csv", [("i1", "a"), ("i2", "b"), ("i3", "c")])
    files = {"dev": str(held_out), "test": str(other)}
    assert np.bincount(load_rows(tmp_path, rows, labelled=11, **files).train.labels).tolist() == [3, 4, 4]
    with pytest.raises(CorpusError, match=r"labelled=12 needs 1 more texts labelled 'a' .* labelled must be <= 11"):
        load_rows(tmp_path, rows, labelled=12, **files)


def test_what_two_held_out_files_share_cannot_be_dropped_from_the_source(tmp_path: Path) -> None:
    dev, test = (
        csv(tmp_path / "dev.csv", [("d", "a"), ("e", "b")]),
        csv(tmp_path / "test.csv", [("D", "a"), ("f", "b")]),
    )
    with pytest.raises(
        CorpusError, match=r"1 text stands in two splits, such as 'D'; clean the files \(the splits are dev and test\)"
    ):
        load_rows(tmp_path, dev=str(dev), test=str(test), drop_overlap=True)


def test_a_uri_of_a_missing_file_keeps_its_slashes(tmp_path: Path) -> None:
    uri = (tmp_path / "x.csv").as_uri()
    with pytest.raises(CorpusError, match=f"no such file: {uri}"):
        load_corpus(CorpusConfig(source=uri))


def test_fractions_must_leave_something_for_train() -> None:
    with pytest.raises(ValidationError, match=r"must be < 1, but got 0\.5 \+ 0\.5"):
        CorpusConfig(source="reviews", dev_fraction=0.5, test_fraction=0.5)


def test_the_reviews_are_split_as_the_demo_says() -> None:
    corpus = load_corpus(CorpusConfig(source="reviews", labelled=1000))
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 1000, "transfer": 12_351, "dev": 2013, "test": 2041}
    assert "texts carry contradicting labels" in corpus.notes[0]
    assert "5 other spellings dropped, 17,405 distinct texts kept" in corpus.notes[1]
