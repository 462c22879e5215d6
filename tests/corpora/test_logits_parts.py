"""A teacher's logits in several files are read as those of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.logits_file import read_logits_file
from distune.corpora.sources import read_source
from distune.corpora.table_config import config_of
from distune.corpora.texts import CorpusError

LABELS = ("bad", "good")


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Two parts, of which the second has its columns in another order, and one text of the first once more."""
    (tmp_path / "part-1.csv").write_text("text,logit_bad,logit_good\n好,1,2\n差,4,3\n", encoding="utf-8")
    (tmp_path / "part-2.csv").write_text("logit_good,logit_bad,text\n6,5,中\n2,1,好\n", encoding="utf-8")
    return tmp_path


def write(path: Path, metadata: Mapping[str, Any] | None = None, **columns: object) -> str:
    about = {} if metadata is None else {b"distune": json.dumps(metadata).encode()}
    pyarrow.parquet.write_table(pa.table(columns).replace_schema_metadata(about), path)
    return str(path)


@pytest.mark.parametrize("how", ["pattern", "folder", "list"])
def test_parts_are_read_as_one_file_their_columns_by_name(parts: Path, how: str) -> None:
    given: Any = {
        "pattern": str(parts / "part-*.csv"),
        "folder": str(parts),
        "list": (str(parts / "part-1.csv"), str(parts / "part-2.csv")),
    }[how]
    file = read_logits_file(given, LABELS)
    np.testing.assert_array_equal(file.of(["中", "差", "好"]).logits, [[5, 6], [4, 3], [1, 2]])
    assert any("2 files, 4 rows" in note for note in file.notes)


def test_the_same_rows_have_the_same_fingerprint_in_one_file_and_in_parts(tmp_path: Path) -> None:
    one = write(tmp_path / "one.parquet", text=["好", "差", "中"], logits=[[1.0, 2.0], [4.0, 3.0], [5.0, 6.0]])
    first = write(tmp_path / "a.parquet", text=["好", "差"], logits=[[1.0, 2.0], [4.0, 3.0]])
    second = write(tmp_path / "b.parquet", text=["中"], logits=[[5.0, 6.0]])
    together = read_logits_file((first, second), LABELS)
    assert together.fingerprint() == read_logits_file(one, LABELS).fingerprint()


def test_a_text_with_other_logits_in_another_part_is_refused_with_both_places(parts: Path) -> None:
    (parts / "part-2.csv").write_text("text,logit_bad,logit_good\n中,5,6\n好,1,2.5\n", encoding="utf-8")
    message = r"a text occurs twice with different logits, in line 2 of .*part-1\.csv and line 3 of .*part-2\.csv \(they differ by 0\.5\)"
    with pytest.raises(CorpusError, match=message):
        read_logits_file(str(parts / "part-*.csv"), LABELS)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            "text,logit_bad\n中,5\n",
            r"part-2\.csv: its columns of numbers are logit_bad, but those of .*part-1\.csv are logit_bad, logit_good",
        ),
        (
            "text,probability_bad,probability_good\n中,1,0\n",
            "its columns of numbers are probability_bad, probability_good, but",
        ),
        ("text_hash,logit_bad,logit_good\n00,5,6\n", "no column 'text'"),
    ],
)
def test_parts_with_other_columns_are_refused_in_one_line(parts: Path, second: str, message: str) -> None:
    (parts / "part-2.csv").write_text(second, encoding="utf-8")
    with pytest.raises(CorpusError, match=message) as refused:
        read_logits_file(str(parts / "part-*.csv"), LABELS)
    assert "\n" not in str(refused.value)


def test_parts_of_one_teacher_share_its_metadata_and_the_order_of_its_labels(tmp_path: Path) -> None:
    about = {"labels": ["good", "bad"], "description": "a BERT"}
    first = write(tmp_path / "a.parquet", {**about, "study": "one"}, text=["好"], logits=[[2.0, 1.0]])
    second = write(tmp_path / "b.parquet", {**about, "study": "two"}, text=["差"], logits=[[3.0, 4.0]])
    file = read_logits_file((first, second), LABELS)
    np.testing.assert_array_equal(file.of(["好", "差"]).logits, [[1, 2], [4, 3]])
    assert file.about == about


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"labels": ["bad", "good"], "description": "a BERT"},
            r"b\.parquet: its metadata say labels: bad, good, but those of .*a\.parquet say good, bad",
        ),
        ({"labels": ["good", "bad"], "description": "another"}, "description: another, but those of"),
        (None, r"its metadata say labels: nothing, but those of .*a\.parquet say good, bad"),
    ],
)
def test_parts_of_several_teachers_are_refused(tmp_path: Path, other: dict[str, Any] | None, message: str) -> None:
    about = {"labels": ["good", "bad"], "description": "a BERT"}
    first = write(tmp_path / "a.parquet", about, text=["好"], logits=[[2.0, 1.0]])
    second = write(tmp_path / "b.parquet", other, text=["差"], logits=[[3.0, 4.0]])
    with pytest.raises(CorpusError, match=message):
        read_logits_file((first, second), LABELS)


def test_lists_of_several_parquet_files_stay_arrays(tmp_path: Path) -> None:
    paths = tuple(
        write(tmp_path / f"{i}.parquet", text=[text], logits=[[1.0, 2.0]], hidden=[[0.5, float(i)]])
        for i, text in enumerate("好差")
    )
    table = read_source(config_of(paths))
    assert isinstance(table.columns["logits"], pa.ChunkedArray)
    assert table.column("logits") == [[1.0, 2.0], [1.0, 2.0]]
    assert read_logits_file(paths, LABELS).of(["差", "好"]).hidden.tolist() == [[0.5, 1.0], [0.5, 0.0]]  # type: ignore[union-attr]


def test_parts_in_float16_and_float32_are_read_as_one(tmp_path: Path) -> None:
    half = pa.array([[1.0, 2.0]], pa.list_(pa.float32())).cast(pa.list_(pa.float16()))
    first = write(tmp_path / "a.parquet", text=["好"], logits=half)
    second = write(tmp_path / "b.parquet", text=["差"], logits=[[4.0, 3.0]])
    file = read_logits_file((first, second), LABELS)
    np.testing.assert_array_equal(file.of(["好", "差"]).logits, [[1, 2], [4, 3]])


def test_an_empty_part_of_a_folder_is_left_out_and_a_pattern_without_files_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", text=["好"], logits=[[1.0, 2.0]])
    write(tmp_path / "b.parquet", text=pa.array([], pa.string()), logits=pa.array([], pa.list_(pa.float64())))
    file = read_logits_file(str(tmp_path), LABELS)
    assert file.holds(["好"])
    with pytest.raises(CorpusError, match="no file matches this pattern"):
        read_logits_file(str(tmp_path / "c-*.parquet"), LABELS)
