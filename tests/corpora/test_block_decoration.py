"""Rules of hyphens and numbers of rows are told by the whole file, whatever blocks it is read in."""

from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.block_files import block_files
from distune.corpora.table_config import TableConfig
from tests.making.blocks import Columns, as_a_whole, by_blocks, small_pieces

__all__ = ["small_pieces"]
N = 300


def notes_of_blocks(path: Path) -> list[str]:
    (file,), _ = block_files(TableConfig(path=str(path)), ("text",))
    return [note for block in file.blocks() for note in block.read().notes]


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def read(path: Path, **settings: tuple[str, ...]) -> Columns:
    found = by_blocks(path, **settings)
    assert found == as_a_whole(path, **settings)
    return found


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("row", ["---", "(1 row)", "(7 rows)", "(0 rows)", "text"])
@pytest.mark.parametrize("first", ["", "----\n"])
def test_no_row_at_the_border_of_a_block_is_lost(row: str, first: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"text\n{first}" + f"{row}\n" * N)
    assert read(path) == {"text": [row] * (N - (row == "---" and not first))}


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("row", ["text", "sep=;", "---"])
def test_no_first_row_of_a_block_is_taken_for_a_header_where_the_file_has_none(row: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"good\n{f'{row}{chr(10)}' * N}")
    assert read(path, columns=("text",)) == {"text": ["good", *[row] * N]}


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("size", range(40, 56))
def test_the_number_of_all_rows_under_the_last_block_is_no_row(size: int, tmp_path: Path) -> None:
    rows = "".join(f"{n:0{size}}\n" for n in range(N))
    path = written(tmp_path / "a.csv", f"text\n----\n{rows}\n({N} rows affected)\n")
    assert len(read(path)["text"]) == N
    assert f"its last line, ({N} rows affected), is the number of its rows and no row" in notes_of_blocks(path)
    path = written(tmp_path / "b.csv", f"text\n{rows}({N + 1} rows)\n")
    assert read(path)["text"][-1] == f"({N + 1} rows)"
    assert any(f"though it has {N} others" in note for note in notes_of_blocks(path))


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("size", range(8, 24))
def test_a_table_of_psql_with_names_on_every_page_is_read_by_blocks(size: int, tmp_path: Path) -> None:
    page = " text | label\n------+-------\n" + "".join(f" {n:0{size}} | 1\n" for n in range(7))
    assert len(read(written(tmp_path / "a.csv", page * 9 + "(63 rows)\n"))["text"]) == 63
