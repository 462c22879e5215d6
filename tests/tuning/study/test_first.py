from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import load_study
from distune.tuning.study.first import write_first_study
from tests.conftest import reviews


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name: str, header: list[str] | None, rows: list[list[Any]]) -> None:
    with open(name, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*([header] if header else []), *rows])


def test_columns_are_found_by_their_names_or_by_what_they_hold() -> None:
    rows = [[i, text, f"q{label}", "open"] for i, (text, label) in enumerate(reviews(120))]
    table("my tickets.csv", ["id", "what", "queue", "text_state"], rows)
    lines = write_first_study("my tickets.csv", Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert (study.config.name, study.config.corpus.text, study.config.corpus.label) == ("my-tickets", "what", "queue")
    assert load_corpus(study.config.corpus).labels == ("q0", "q1")
    assert study.space.root["tokens"]["kind"] == "words"
    assert "assumed: 'queue' is the column of the labels, with 2 values that come again (corpus.label)" in lines
    assert lines[-1] == "study.yaml is written; name your teacher in it, then: distune check study.yaml"


def test_the_usual_names_are_left_out_and_english_is_cut_at_spaces() -> None:
    table("a.csv", ["label", "text"], [[i % 3, f"the printer {i} burns"] for i in range(90)])
    write_first_study("a.csv", Path("a.yaml"))
    study = load_study(Path("a.yaml"))
    assert study.document["corpus"] == {"source": "a.csv"}
    assert study.space.root["tokens"]["kind"] == "english_words"


def test_a_file_without_a_header_has_its_columns_named() -> None:
    table("bare.csv", None, [[text, label] for text, label in reviews(120)])
    lines = write_first_study("bare.csv", Path("study.yaml"))
    assert load_study(Path("study.yaml")).config.corpus.columns == ("text", "label")
    assert any(line.startswith("assumed: the first line is a row and no header") for line in lines)


def test_another_column_that_might_be_the_labels_is_named() -> None:
    rows = [[text, label, i % 3] for i, (text, label) in enumerate(reviews(120))]
    table("a.csv", ["text", "a", "b"], rows)
    lines = write_first_study("a.csv", Path("study.yaml"))
    assert (
        "assumed: 'a' is the column of the labels, with 2 values that come again; 'b' might be it too (corpus.label)"
        in lines
    )


def test_nothing_is_overwritten_and_nothing_is_written_for_what_cannot_be_read() -> None:
    Path("study.yaml").write_text("mine", encoding="utf-8")
    table("a.csv", ["text", "label"], [[text, label] for text, label in reviews(120)])
    with pytest.raises(StudyError, match=r"study.yaml is there already, and nothing is overwritten"):
        write_first_study("a.csv", Path("study.yaml"))
    assert Path("study.yaml").read_text(encoding="utf-8") == "mine"
    with pytest.raises(StudyError, match=r"-o: cannot write no/such/folder.yaml: No such file or directory"):
        write_first_study("a.csv", Path("no/such/folder.yaml"))
    with pytest.raises(CorpusError, match=r"no such file: b\.csv"):
        write_first_study("b.csv", Path("b.yaml"))
    table("ids.csv", ["text", "id"], [[text, i] for i, (text, _) in enumerate(reviews(120))])
    with pytest.raises(CorpusError, match=r"ids.csv: no column looks like labels .* its columns are text, id"):
        write_first_study("ids.csv", Path("b.yaml"))
    assert not Path("b.yaml").exists()
