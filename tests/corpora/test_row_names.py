from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.logits_file import read_logits_file
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError

CSV = "text,label\na,x\n"


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.csv", f'{CSV}b,"[1, 2]"\n', "line 3"),
        ("a.csv", f'sep=,\n{CSV}b,"[1, 2]"\n', "line 4"),
        ("a.csv", f'{CSV}\n\nb,"[1, 2]"\n', "line 5"),
        ("a.csv", 'text,label\n"a\nthat\ngoes on",x\nb,"[1, 2]"\n', "line 5"),
        ("a.csv", 'text,label\na,x\n"b\nthat goes on","[1, 2]"\n', "line 3"),
        ("a.csv", f'\ufeff{CSV}text,label\nb,"[1, 2]"\n', "line 4"),
        ("a.csv", 'text,label\r"a\nb",x\rb,"[1, 2]"\r', "line 3"),
        ("a.tsv", "text\tlabel\r\na\tx\r\nb\t[1, 2]\r\n", "line 3"),
        ("a.jsonl", '{"text": "a", "label": "x"}\n\n{"text": "b", "label": [1, 2]}\n', "line 3"),
        ("a.json", '[{"text": "a", "label": "x"},\n\n{"text": "b", "label": [1, 2]}]', "row 2"),
        ("a.json", '{"text": ["a", "b"], "label": ["x", [1, 2]]}', "row 2"),
        ("a.json", '{"0": {"text": "a", "label": [1, 2]}}', "row 1"),
    ],
)
def test_a_fault_is_named_by_the_line_that_an_editor_shows_or_else_by_its_row(
    tmp_path: Path, name: str, content: str, where: str
) -> None:
    (tmp_path / name).write_bytes(content.encode())
    with pytest.raises(CorpusError, match=rf"{name}: {where} has 2 labels \(\[1, 2\]\)"):
        read_rows(FileConfig(path=str(tmp_path / name)))


def test_rows_of_parquet_are_counted_from_1(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "label": [["x"], ["x", "y"]]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet: row 2 has 2 labels"):
        read_rows(FileConfig(path=str(tmp_path / "a.parquet")))


def test_rows_that_are_left_out_do_not_move_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,answer\na,x,accept\nb,y,reject\n,y,accept\nc,x,accept\nd,,accept\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.csv: 1 row has no 'label', such as line 6, 'd'; give"):
        read_rows(FileConfig(path=str(path)))
    path.write_text("text,label\na,x\nb,y,z\nc,\nd,\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"2 rows have no 'label', such as line 4, 'c'"):
        read_rows(FileConfig(path=str(path), skip_bad_rows=True))


def test_a_file_of_utf_16_is_counted_by_its_characters(tmp_path: Path) -> None:
    # 上 is 0a 4e in UTF-16: its first byte alone would be a line feed.
    content = "\ufefftext,label\n上上上,x\n".encode("utf-16-le") + b"\x00\xd8\x00\x00"
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=r"cannot be read as utf-16 \(byte 0x00 in line 3\)"):
        read_rows(FileConfig(path=str(tmp_path / "a.csv")))


def test_a_value_that_a_list_of_parquet_lacks_is_named_by_its_row(tmp_path: Path) -> None:
    logits = pa.array([[1.0, 2.0], [3.0, None]])
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "logits": logits}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="logits lacks 1 value within its lists, first in row 2"):
        read_logits_file(tmp_path / "a.parquet", ("x", "y"))


def test_the_names_of_rows_that_are_kept_are_those_in_the_file() -> None:
    rows = RowNames(file="a.parquet").kept([False, True, True]).kept([False, True])
    assert list(rows.of(1)) == ["row 3"]
    # As of a sheet of a workbook, whose header and first rows are not read.
    assert RowNames(file="a.xlsx", numbers=[4, 7])[1] == "row 7"
