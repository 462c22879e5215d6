from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.texts import CorpusError, content_key
from tests.making.corpora import ROWS, load_rows


def test_labels_are_indices_into_the_sorted_names(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path)
    assert corpus.labels == ("a", "b", "c")
    truth = dict(ROWS)
    for split in corpus.splits.values():
        assert [corpus.labels[label] for label in split.labels] == [truth[text] for text in split.texts]


def test_duplicates_are_dropped_and_contradictions_are_reported(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path, [*ROWS, ROWS[0], ("x", "a"), ("x", "b"), ("x", "b"), ("y", "c"), ("y", "a")])
    assert len(corpus.texts()) == 302
    assert any("2 texts carry contradicting labels, such as 'x'; the most frequent" in one for one in corpus.notes)
    assert any("4 exact duplicates dropped, 302 distinct texts kept" in note for note in corpus.notes)
    found = {
        text: int(label)
        for split in corpus.splits.values()
        for text, label in zip(split.texts, split.labels, strict=True)
    }
    assert (found["x"], found["y"]) == (1, 0)  # the more frequent label; in a tie the smaller


def test_spellings_of_one_content_are_one_text_with_one_vote(tmp_path: Path) -> None:
    rows = [*ROWS, ("OK 好", "a"), ("ok好", "b"), ("ok好", "b"), ("Ｏk 好", "a"), ("ok 好", "a")]
    corpus = load_rows(tmp_path, rows)
    kept = [text for text in corpus.texts() if content_key(text) == "ok好"]
    assert kept == ["ok好"]  # The most frequent spelling; the label is that of three of five.
    split = next(split for split in corpus.splits.values() if "ok好" in split.texts)
    assert corpus.labels[split.labels[split.texts.index("ok好")]] == "a"
    assert any(
        "1 exact duplicate and 3 other spellings dropped, 301 distinct texts kept" in note for note in corpus.notes
    )


def test_whole_numbers_are_sorted_by_their_value(tmp_path: Path) -> None:
    labels = ("-2", *map(str, range(12)))
    assert load_rows(tmp_path, [(f"t {i}", labels[-1 - i % 13]) for i in range(260)]).labels == labels


@pytest.mark.parametrize("other", ["A", "ａ", "a.", "“a”", "\u200ea", "*a*", "a\ufe0f"])
def test_labels_that_differ_by_what_is_hardly_seen_are_named(tmp_path: Path, other: str) -> None:
    corpus = load_rows(tmp_path, [*ROWS, ("x", other), ("y", other)], dev_fraction=0.3)
    first, second = sorted([other, "a"])
    assert (
        f"  the labels {first!r} and {second!r} differ by case, width, spaces, zeros, marks or stops alone and are taken as different classes"
    ) in corpus.notes


def test_numbers_of_one_value_are_named_and_those_of_another_sign_are_not(tmp_path: Path) -> None:
    labels = ["01", "1", "-1", "0.1", "0.10", "0", ".5", "5", "9007199254740992", "9007199254740993", "1e3", "１"]
    rows = [(f"t {n}", label) for n, label in enumerate(labels * 20)]
    notes = load_rows(tmp_path, rows, labels=labels).notes
    assert [note.split(" differ")[0] for note in notes if "differ by" in note] == [
        "  the labels '01' and '1' and '１'",
        "  the labels '0.1' and '0.10'",
    ]


def test_a_label_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="labels: 'a' occurs twice in a, b, a"):
        load_rows(tmp_path, labels=["a", "b", "a"])
