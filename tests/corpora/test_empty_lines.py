"""A line of two quotation marks in a file of one column is a row without a text; a blank line is no row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.raw_rows import Quoting
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError
from tests.making.blocks import by_blocks, small_pieces

__all__ = ["small_pieces"]


def table_of(path: Path, content: str, quoting: Quoting = "auto", columns: tuple[str, ...] | None = None) -> Table:
    path.write_text(content, encoding="utf-8", newline="")
    return read_table(TableConfig(path=str(path), quoting=quoting, columns=columns), ("text",))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("quoting", ["auto", "csv", "backslash"])
@pytest.mark.parametrize(
    "content",
    ['"text"\n"good"\n""\n"bad"\n', 'text\ngood\n""\nbad\n', 'text\r\ngood\r\n""\r\nbad\r\n', 'text\rgood\r""\rbad\r'],
)
def test_two_quotation_marks_are_a_row_without_a_text(
    content: str, quoting: Quoting, name: str, tmp_path: Path
) -> None:
    table = table_of(tmp_path / name, content, quoting)
    assert table.column("text") == ["good", "", "bad"]
    assert [table.rows[row] for row in range(3)] == ["line 2", "line 3", "line 4"]
    assert by_blocks(tmp_path / name, quoting=quoting) == {"text": ["good", "", "bad"]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_blank_line_is_no_row(end: str, tmp_path: Path) -> None:
    table = table_of(tmp_path / "a.csv", end.join(["text", '""', "", "good", " ", '"  "', "", ""]))
    assert table.column("text") == ["", "good", "  "]
    assert [table.rows[row] for row in range(3)] == ["line 2", "line 4", "line 6"]


@pytest.mark.parametrize(("name", "sign"), [("a.csv", ","), ("a.tsv", "\t")])
def test_what_pandas_writes_has_as_many_rows_as_before(name: str, sign: str, tmp_path: Path) -> None:
    texts = ["", "good", 'say "hi"', "", "a, b\tc", ""]
    for written in (texts, ["", "good", ""]):
        pd.DataFrame({"text": written}).to_csv(tmp_path / name, index=False, sep=sign)
        assert by_blocks(tmp_path / name) == {"text": written}
    pd.DataFrame({"text": ["", "good", None]}).to_csv(tmp_path / name, index=False, header=False, sep=sign)
    assert by_blocks(tmp_path / name, columns=("text",)) == {"text": ["", "good", ""]}


def test_where_other_cells_have_quotation_marks_of_their_own_two_marks_are_a_text(tmp_path: Path) -> None:
    assert table_of(tmp_path / "a.csv", 'text\nsay "hi"\n""\n').column("text") == ['say "hi"', '""']
    assert table_of(tmp_path / "a.tsv", 'text\n"good"\nbad\n""\n').column("text") == ['"good"', "bad", '""']
    assert table_of(tmp_path / "a.csv", 'text\n""\n', "none").column("text") == ['""']


@pytest.mark.parametrize("content", ['""\n', '""\n""\n'])
def test_a_file_of_empty_cells_alone_is_empty_unless_its_column_has_a_name(content: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="the file is empty"):
        table_of(tmp_path / "a.csv", content)
    assert table_of(tmp_path / "a.csv", content, columns=("text",)).column("text") == [""] * content.count("\n")


@pytest.mark.usefixtures("small_pieces")
def test_blocks_hold_every_row_without_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n" + 'good\n""\n' * 100 + '""\n' * 100, encoding="utf-8")
    assert by_blocks(tmp_path / "a.csv") == {"text": ["good", ""] * 100 + [""] * 100}


def test_a_corpus_leaves_a_row_without_a_text_out_and_counts_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\ngood\n""\nbad\n', encoding="utf-8")
    notes: list[str] = []
    rows = read_rows(FileConfig(path=str(tmp_path / "a.csv")), labelled=False, notes=notes)
    assert [row.text for row in rows] == ["good", "bad"]
    assert "  1 row without a text left out" in notes
