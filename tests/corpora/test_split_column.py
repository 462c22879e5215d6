"""One file with rows of several splits: all are read, and it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.files import FileConfig, read_rows


def notes_of(tmp_path: Path, column: str, *splits: str, label: str = "label") -> list[str]:
    path = tmp_path / "a.csv"
    rows = [f"text {n},c{n % 2},{split}" for n, split in enumerate(splits)]
    path.write_text("\n".join([f"text,label,{column}", *rows]) + "\n", encoding="utf-8")
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=path, label=label), notes=notes)) == len(splits)
    return notes[1:]


@pytest.mark.parametrize("column", ["split", "Set", "ML_USE"])
def test_rows_of_several_splits_in_one_file_are_told(tmp_path: Path, column: str) -> None:
    assert notes_of(tmp_path, column, "train", "test", "train", "") == [
        f"  its column {column!r} has the splits train (2), test (1), and all rows are read alike; if they are splits, write each into a "
        "file of its own"
    ]


@pytest.mark.parametrize(
    ("column", "splits"), [("split", ["train", "train"]), ("split", ["train", "upper"]), ("topic", ["train", "test"])]
)
def test_other_columns_are_not(tmp_path: Path, column: str, splits: list[str]) -> None:
    assert notes_of(tmp_path, column, *splits) == []


def test_nor_is_the_column_of_the_labels(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "split", "train", "test", label="split") == []


def test_rows_of_no_split_do_not_hide_the_others(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "ml_use", "TRAINING", "UNASSIGNED", "TEST", "VALIDATION")[0].startswith(
        "  its column 'ml_use' has the splits TRAINING (1), TEST (1), VALIDATION (1), and all rows are read alike"
    )
