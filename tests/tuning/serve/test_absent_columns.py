"""Rows of JSON and Parquet without the column of texts are rows without a text, in whatever block they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.texts import CorpusError
from tests.making.tables import answered, read

pytestmark = pytest.mark.usefixtures("small_blocks")
FULL: list[dict[str, Any]] = [{"id": 1, "data": {"text": "好书"}, "text": "好书"}] * 20
NO_KEY: list[dict[str, Any]] = [{"id": 1}] * 40
EMPTY: list[dict[str, Any]] = [{}] * 200
NULL: list[dict[str, Any]] = [{"id": 1, "data": None, "text": None}] * 20


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv", "out.parquet"])
@pytest.mark.parametrize(
    ("name", "rows", "text"),
    [
        ("a.jsonl", [*FULL, *NO_KEY, *FULL], "text"),
        ("a.jsonl", [*NO_KEY, *FULL], "text"),
        ("a.jsonl", [*FULL, *EMPTY, *FULL], "text"),
        ("a.jsonl", [*NULL, *FULL, *NULL], "data.text"),
        ("a.json", [*NULL, *FULL, *NULL], "data.text"),
        ("a.parquet", [*FULL, *NULL, *FULL], "data.text"),
        ("a.parquet", [*NULL, *FULL], "data.text"),
    ],
)
def test_a_block_of_rows_without_a_text_has_no_answers(
    name: str, rows: list[dict[str, Any]], text: str, out: str, folder: Path, tmp_path: Path
) -> None:
    if out == "out.csv" and name == "a.parquet":
        out = "out.jsonl"
    found = read(answered(folder, written(tmp_path / name, rows), tmp_path / out, text=text))
    assert [bool(row["label"]) for row in found] == [bool(row.get("text")) for row in rows]


def test_another_file_may_have_the_column(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    written(tmp_path / "in/part-0.jsonl", NO_KEY)
    written(tmp_path / "in/part-1.jsonl", FULL)
    found = read(answered(folder, tmp_path / "in", tmp_path / "out.jsonl"))
    assert [row["label"] is None for row in found] == [True] * 40 + [False] * 20


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_input_in_which_no_row_has_the_column_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no column 'text'; its columns are id; name the one with the texts by"):
        answered(folder, written(tmp_path / name, NO_KEY), tmp_path / "out.jsonl")
    with pytest.raises(CorpusError, match=r"no column 'data\.text'"):
        answered(folder, written(tmp_path / name, NULL), tmp_path / "out.jsonl", text="data.text")
