"""Exports of Prodigy: only what was accepted is labelled."""

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


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = [
    {"text": "good", "label": "pos", "answer": "accept"},
    {"text": "bad", "label": "pos", "answer": "reject"},
    {"text": "???", "label": "a|b", "answer": "ignore"},
    {"text": "poor", "label": "neg", "answer": "accept"},
]


def test_a_label_that_was_not_accepted_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ROWS)
    notes: list[str] = []
    assert read_rows(FileConfig(path=path), notes=notes) == [Row("good", "pos"), Row("poor", "neg")]
    assert notes[1:] == [
        "  2 rows that an annotator did not accept (1 reject and 1 ignore in the column 'answer', as Prodigy writes it) left out; "
        "name the file in `unlabelled:` too to have their texts without labels"
    ]
    assert [row.text for row in read_rows(FileConfig(path=path), labelled=False)] == ["good", "bad", "???", "poor"]


def test_rejected_texts_join_the_transfer_set_where_the_study_says_so(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], "answer": "accept"} for n in range(100)]
    rejected = [{"text": text, "label": "b", "answer": "reject"} for text in ("t0", "new")]
    path = write(tmp_path / "a.jsonl", [*rows, *rejected])
    corpus = load_corpus(CorpusConfig(source=path, unlabelled=path))
    assert corpus.transfer.texts == ("new",)
    assert sum(len(split) for split in corpus.splits.values()) == 101


def test_a_csv_has_it_too_and_rows_without_an_answer_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,answer\na,x,accept\nb,y,\nc,x,reject\n", encoding="utf-8")
    notes: list[str] = []
    assert read_rows(FileConfig(path=path), notes=notes) == [Row("a", "x"), Row("b", "y")]
    assert "(1 reject in the column" in notes[1]
    assert "; 1 row without an answer kept; " in notes[1]


def test_a_choice_is_the_label_of_a_column_accept(tmp_path: Path) -> None:
    options = [{"id": "POS", "text": "positive"}, {"id": "NEG", "text": "negative"}]
    rows = [
        {"text": "a", "options": options, "accept": ["POS"], "answer": "accept"},
        {"text": "b", "options": options, "accept": [], "answer": "ignore"},
        {"text": "c", "options": options, "accept": ["NEG"], "answer": "accept"},
    ]
    path = write(tmp_path / "a.jsonl", rows)
    assert read_rows(FileConfig(path=path, label="accept")) == [Row("a", "POS"), Row("c", "NEG")]


@pytest.mark.parametrize(
    ("label", "answers"),
    [("label", ["accept", "yes"]), ("label", ["accept", "accept"]), ("answer", ["accept", "reject"])],
)
def test_any_other_column_of_that_name_says_nothing(tmp_path: Path, label: str, answers: list[str]) -> None:
    rows = [{"text": f"t{n}", "label": "x", "answer": answer} for n, answer in enumerate(answers)]
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=write(tmp_path / "a.jsonl", rows), label=label), notes=notes)) == 2
    assert len(notes) == 1


def test_a_file_of_which_nothing_was_accepted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no row was accepted: its column 'answer', .* has 1 reject and 1 ignore$"):
        read_rows(FileConfig(path=write(tmp_path / "a.jsonl", ROWS[1:3])))
