"""Apostrophes around cells are refused; those of texts stay."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError

ROWS = [("text", "label"), ("good, cheap", "pos"), ("it's fine", "pos"), ("poor", "neg")]
REFUSED = r"apostrophes stand around its cells, such as .*; write it with quotation marks \(\"\) around cells"


def written(rows: list[tuple[str, str]], **dialect: Any) -> str:
    stream = io.StringIO()
    csv.writer(stream, quotechar="'", **dialect).writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize(
    "rows", [ROWS, [ROWS[0], ROWS[1], ROWS[3]], [ROWS[0], ROWS[2], ROWS[3]], [ROWS[0], ("a\nb", "x"), ROWS[3]]]
)
@pytest.mark.parametrize(
    "dialect",
    [
        {"quoting": csv.QUOTE_MINIMAL},
        {"quoting": csv.QUOTE_ALL},
        {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"},
    ],
)
@pytest.mark.parametrize("skip_bad_rows", [False, True])
def test_apostrophes_as_a_program_puts_them_around_cells_are_refused(
    tmp_path: Path, rows: list[tuple[str, str]], dialect: dict[str, Any], skip_bad_rows: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(written(rows, **dialect), encoding="utf-8", newline="")
    with pytest.raises(CorpusError, match=REFUSED):
        read_rows(FileConfig(path=path, skip_bad_rows=skip_bad_rows))


@pytest.mark.parametrize(
    "texts",
    [["it's fine", "'tis so", "'quoted'"], ["'a' and 'b'", "''", "rock 'n' roll"], ["'a'", "b"], ["the '90s", "'90s'"]],
)
def test_apostrophes_of_texts_stay(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"{text},x\n" for text in texts), encoding="utf-8")
    assert read_rows(FileConfig(path=path)) == [Row(text, "x") for text in texts]


def test_the_study_may_say_that_they_are_the_texts_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n'a',x\n'b',x\n", encoding="utf-8")
    assert read_rows(FileConfig(path=path, quoting="none")) == [Row("'a'", "x"), Row("'b'", "x")]
    assert read_rows(FileConfig(path=path, quoting="csv")) == [Row("'a'", "x"), Row("'b'", "x")]


def test_a_backslash_before_an_apostrophe_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nit\\'s fine,x\nb,x\n", encoding="utf-8")
    notes: list[str] = []
    assert read_rows(FileConfig(path=path), notes=notes)[0] == Row("it\\'s fine", "x")
    assert notes[1].strip() == (
        "1 text holds a backslash before an apostrophe, as some programs write it; this is left as it is"
    )


def test_rows_that_are_whole_by_apostrophes_behind_backslashes_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n'it\\'s good, cheap',x\nb,x\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=REFUSED):
        read_rows(FileConfig(path=path))


@pytest.mark.parametrize("text", ["one\\\ntwo", "it's one\\\ttwo"])
@pytest.mark.parametrize("skip_bad_rows", [False, True])
def test_line_breaks_and_tabs_behind_backslashes_are_refused_where_no_marks_surround_cells(
    tmp_path: Path, text: str, skip_bad_rows: bool
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"text\tlabel\nfine\tpos\n{text}\tneg\n", encoding="utf-8")
    said = "backslashes escape line breaks or separators in cells, first in line 3, as MySQL's OUTFILE and Hive write"
    with pytest.raises(CorpusError, match=said):
        read_rows(FileConfig(path=path, skip_bad_rows=skip_bad_rows))


def test_rows_that_backslashes_do_not_make_whole_are_told_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\nC:\\temp\tpos\nthree\tcells\there\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="1 of 3 rows have another number of columns than the header, such as line 3"):
        read_rows(FileConfig(path=path))
