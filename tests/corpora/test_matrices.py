from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.matrices import of_columns, of_lists
from distune.corpora.row_names import RowNames
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError


def table(**columns: list[Any]) -> Table:
    return Table(name="a", columns=columns, n_rows=len(next(iter(columns.values()))), rows=RowNames(file="a"))


@pytest.mark.parametrize(
    "cells",
    [
        [[1, 2.5], [3, -4]],
        ["[1, 2.5]", "[3, -4]"],
        ["[1.  2.5]", " [ 3. -4.]"],
        ["(1, 2.5)", "[3, -4,]"],
        [("1", "2.5"), (3, -4)],
    ],
)
def test_lists_are_read_as_they_are_and_as_csv_spells_them(cells: list[Any]) -> None:
    found = of_lists(table(logits=cells), "logits")
    assert (found.values.tolist(), found.names) == ([[1, 2.5], [3, -4]], None)


@pytest.mark.parametrize("spell", [lambda cell: cell, json.dumps])
def test_objects_name_their_values_whatever_their_order(spell: Any) -> None:
    cells = [spell({"neg": 1, "pos": 2}), spell({"pos": 4, "neg": 3})]
    found = of_lists(table(logits=cells), "logits")
    assert (found.values.tolist(), found.names) == ([[1, 2], [3, 4]], ("neg", "pos"))
    scores = [spell([{"label": "pos", "score": 2}, {"label": "neg", "score": 1}])]
    assert of_lists(table(logits=scores), "logits").names == ("pos", "neg")


def test_a_label_that_stands_twice_is_refused() -> None:
    scores = [{"label": "neg", "score": 1}, {"label": "neg", "score": 2}]
    with pytest.raises(CorpusError, match="a label occurs twice"):
        of_lists(table(logits=[scores]), "logits")


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float16(), 2)])
def test_lists_of_parquet_are_read_without_objects(tmp_path: Path, kind: pa.DataType) -> None:
    values = np.array([[1, 2.5], [3, -4]], np.float16) if "halffloat" in str(kind) else [[1, 2.5], [3, -4]]
    pyarrow.parquet.write_table(pa.table({"logits": pa.array(list(values), kind)}), tmp_path / "a.parquet")
    found = of_lists(read_table(TableConfig(path=str(tmp_path / "a.parquet"))), "logits")
    np.testing.assert_array_equal(found.values, [[1, 2.5], [3, -4]])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([[1, 2], [3]], "a: logits must have 2 values in each row, but row 2 has 1"),
        ([0.5, 0.25], "a: logits, row 1: must be a list of numbers, one for each class, but is '0.5'"),
        (["abc"], "must be a list of numbers, one for each class, but is 'abc'"),
        ([None], "must be a list of numbers"),
        ([[1, None]], "a: logits, row 1: must be a number, but is None"),
        ([[1, "x"]], "a: logits, row 1: must be a number, but is 'x'"),
        ([[1, 10**400]], "a: logits, row 1: must be a number, but is '10000"),
        ([[1, "1_5"]], "a: logits, row 1: must be a number, but is '1_5'"),
        ([{"a": 1}, {"b": 1}], "a: logits, row 2: must have a value for each of a, but is"),
        ([{"a": 1}, [1]], "a: logits, row 2: must have a value for each of a, but is"),
    ],
)
def test_cells_that_are_no_such_list_are_refused(cells: list[Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        of_lists(table(logits=cells), "logits")


def test_missing_values_within_the_lists_of_parquet_are_refused(tmp_path: Path) -> None:
    for cells, message in (
        ([[1.0, None]], "logits lacks 1 value within its lists, first in row 1"),
        ([[1.0, 2.0], None], "but row 2 has 0"),
    ):
        pyarrow.parquet.write_table(
            pa.table({"logits": pa.array(cells, pa.list_(pa.float32()))}), tmp_path / "a.parquet"
        )
        with pytest.raises(CorpusError, match=message):
            of_lists(read_table(TableConfig(path=str(tmp_path / "a.parquet"))), "logits")


def test_a_column_for_each_name_is_a_column_of_the_matrix() -> None:
    found = of_columns(table(logit_b=["1", "2"], logit_a=[3, 4.5]), ("logit_b", "logit_a"), "logit_")
    assert (found.values.tolist(), found.names) == ([[1, 3], [2, 4.5]], ("b", "a"))
    with pytest.raises(CorpusError, match="a: column logit_b, row 2: must be a number, but is 'x'"):
        of_columns(table(logit_b=["1", "x"]), ("logit_b",), "logit_")


def test_a_file_without_rows_has_a_matrix_without_rows(tmp_path: Path) -> None:
    empty = pa.table({"logits": pa.array([], pa.list_(pa.float32()))})
    pyarrow.parquet.write_table(empty, tmp_path / "a.parquet")
    assert of_lists(read_table(TableConfig(path=str(tmp_path / "a.parquet"))), "logits", width=2).values.shape == (0, 2)
    assert of_lists(table(logits=[]), "logits", width=2).values.shape == (0, 2)
    assert of_lists(table(hidden=[]), "hidden").values.shape == (0, 0)
