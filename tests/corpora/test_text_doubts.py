from __future__ import annotations

import json
from pathlib import Path

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from tests.making.corpora import write


def test_what_another_program_may_have_meant_otherwise_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    read_rows(FileConfig(path=write(tmp_path, "a.tsv", 'text\tlabel\nNA\t1\nsay \\"hi\\"\t0\na\\nb\t1\n')), notes=notes)
    assert [note.strip().partition(":")[0] for note in notes[1:]] == [
        "1 text is 'NA'",
        "1 text holds a backslash before a quotation mark",
        "1 text holds a backslash and n, as dumps of databases spell a line break; this is left as it is",
    ]


def test_backslashes_of_programs_that_escape_and_do_not_quote_are_counted(tmp_path: Path) -> None:
    notes: list[str] = []
    content = 'text,label\na\\rb,1\n"a\\, b",0\na\\\\b,1\n"a\\\nb",0\n'
    read_rows(FileConfig(path=write(tmp_path, "a.csv", content)), notes=notes)
    assert [note.strip().partition(", as")[0] for note in notes[1:]] == [
        "1 text holds a backslash and r",
        "1 text holds a backslash before a comma",
        "1 text holds two backslashes",
        "1 text holds a backslash before a line break",
    ]


def test_texts_of_one_column_that_end_in_a_backslash_are_doubted(tmp_path: Path) -> None:
    notes: list[str] = []
    read_rows(FileConfig(path=write(tmp_path, "a.txt", "text\ngood\\\nbook\nbad\n")), labelled=False, notes=notes)
    assert notes[1:] == [
        "  1 text ends in a backslash, as dumps of databases write a line break within a text: was it cut in two there?"
    ]


def test_a_text_that_begins_with_a_byte_order_mark_is_doubted(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path, "a.csv", "a,1\n\ufeffb,0\n")
    read_rows(FileConfig(path=path, columns=("text", "label")), notes=notes)
    assert notes[1:] == ["  1 text begins with a byte-order mark, as where several files were put together"]


def test_texts_that_are_all_numbers_are_read_and_doubted(tmp_path: Path) -> None:
    notes: list[str] = []
    rows = read_rows(FileConfig(path=write(tmp_path, "a.jsonl", '{"text": 5, "label": "x"}\n')), notes=notes)
    assert rows == [Row("5", "x")]
    assert "its texts are all numbers, such as 5: is 'text' the text column?" in notes[1]


@pytest.mark.parametrize("sign", ["\n\n###\n\n", " ->"])
def test_texts_that_end_as_prompts_for_fine_tuning_do_are_told(tmp_path: Path, sign: str) -> None:
    rows = [{"text": f"{text}{sign}", "label": label} for text, label in (("good", "a"), ("bad", "b"), ("fine", "a"))]
    path = write(tmp_path, "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    notes: list[str] = []
    read_rows(FileConfig(path=path), notes=notes)
    assert notes[1:] == [
        f"  3 texts end in {sign.strip()!r}, as prompts of OpenAI's old fine-tuning format do: students learn from it, and other texts do not "
        "have it; take it off"
    ]
    rows[0]["text"], rows[1]["text"] = "good", "bad"
    notes.clear()
    read_rows(FileConfig(path=write(tmp_path, "b.jsonl", "".join(json.dumps(row) + "\n" for row in rows))), notes=notes)
    assert notes[1:] == []
