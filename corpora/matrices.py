"""Columns of numbers as one matrix: lists in cells, a value for each name in cells, or a column for each name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.literals import container, literal
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """`values` is `[rows, columns]` in the file's own order, `names` are those of its columns if the file has them."""

    values: NDArray[np.float64]
    names: tuple[str, ...] | None


def of_columns(table: Table, columns: Sequence[str], prefix: str) -> Matrix:
    """A column for each name; raises CorpusError for a cell that is no number."""
    values = np.empty((table.n_rows, len(columns)))
    for place, column in enumerate(columns):
        for row, cell in enumerate(table.column(column)):
            values[row, place] = _number(cell, f"{table.name}: column {column}, {table.rows[row]}")
    return Matrix(values=values, names=tuple(column.removeprefix(prefix) for column in columns))


def of_lists(table: Table, column: str, must_have: str = "", width: int | None = None) -> Matrix:
    """A list in each cell, or an object of a value for each name.

    Lists may be spelt as JSON or as numpy prints them, and may hold an object `{"label": ..., "score": ...}` for each class.
    `must_have` says how many values there must be, `width`, by default that of the first row. Raises CorpusError for rows
    of unequal length, and cells that are no such list.
    """
    cells = table.columns[column]
    if isinstance(cells, pa.ChunkedArray):
        return Matrix(values=_of_arrow(cells, table, column, must_have, width), names=None)
    read = [_read(cell, f"{table.name}: {column}, {table.rows[place]}") for place, cell in enumerate(cells)]
    if any(isinstance(one, Mapping) for one in read):
        return _of_objects(read, table, column)
    _refuse_lengths([len(one) for one in read], table, column, must_have, width)
    rows = [
        [_number(value, f"{table.name}: {column}, {table.rows[place]}") for value in one]
        for place, one in enumerate(read)
    ]
    return Matrix(
        values=np.array(rows, dtype=np.float64).reshape(len(rows), len(read[0]) if read else width or 0), names=None
    )


def _of_arrow(
    cells: pa.ChunkedArray, table: Table, column: str, must_have: str, width: int | None
) -> NDArray[np.float64]:
    # Not `fill_null`, whose zero becomes a scalar of Arrow: for one, pyarrow imports pandas.
    lengths = [length or 0 for length in pa.compute.list_value_length(cells).to_pylist()]
    _refuse_lengths(lengths, table, column, must_have, width)
    flat = pa.compute.list_flatten(cells)
    if flat.null_count:
        place = flat.is_null().index(True).as_py() // lengths[0]
        raise CorpusError(
            f"{table.name}: {column} lacks {n_of(flat.null_count, 'value')} within its lists, first in {table.rows[place]}"
        )
    # pyarrow's own `to_numpy` imports pandas.
    numbers = np.from_dlpack(flat.combine_chunks()) if pa.types.is_floating(flat.type) else flat.to_numpy()
    values: NDArray[np.float64] = numbers.astype(np.float64)
    return values.reshape(len(lengths), lengths[0] if lengths else width or 0)


def _refuse_lengths(lengths: Sequence[int], table: Table, column: str, must_have: str, width: int | None) -> None:
    wanted = width if width is not None else lengths[0] if lengths else 0
    odd = next((place for place, n in enumerate(lengths) if n != wanted), None)
    if odd is not None:
        must = must_have or f"{n_of(wanted, 'value')} in each row"
        raise CorpusError(f"{table.name}: {column} must have {must}, but {table.rows[odd]} has {lengths[odd]}")


def _read(cell: Any, where: str) -> Sequence[Any] | Mapping[str, Any]:
    found = _spelt(cell) if isinstance(cell, str) else cell
    if isinstance(found, Mapping):
        return found
    if isinstance(found, list | tuple):
        if found and all(isinstance(one, Mapping) and one.keys() == {"label", "score"} for one in found):
            scores = {str(one["label"]): one["score"] for one in found}
            if len(scores) < len(found):
                raise CorpusError(f"{where}: a label occurs twice in {str(found)[:60]}")
            return scores
        return found
    raise CorpusError(f"{where}: must be a list of numbers, one for each class, but is {str(cell)[:40]!r}")


def _spelt(cell: str) -> Any:
    """The value of a cell of CSV: a list or an object as JSON, Python or numpy spell it, or a number."""
    found = container(cell)
    return literal(cell) if found is None else found


def _of_objects(read: Sequence[Any], table: Table, column: str) -> Matrix:
    longest = max((one for one in read if isinstance(one, Mapping)), key=len)
    names = tuple(map(str, longest))
    values = []
    for place, one in enumerate(read):
        where = f"{table.name}: {column}, {table.rows[place]}"
        if not isinstance(one, Mapping) or set(map(str, one)) != set(names):
            has_fewer = not one or (isinstance(one, Mapping) and set(map(str, one)) < set(names))
            how = "; a pipeline of transformers gives all of them with top_k=None" if has_fewer else ""
            raise CorpusError(f"{where}: must have a value for each of {', '.join(names)}, but is {str(one)[:60]}{how}")
        values.append([_number(one[key], where) for key in names])
    return Matrix(values=np.array(values, dtype=np.float64), names=names)


def _number(cell: Any, where: str) -> float:
    if isinstance(cell, bool) or cell is None:
        raise CorpusError(f"{where}: must be a number, but is {cell}")
    try:
        if isinstance(cell, str) and "_" in cell:
            raise ValueError("Python takes 1_5 for 15.")
        return float(cell)
    except (TypeError, ValueError, OverflowError) as error:  # A whole number of JSON may be larger than any float.
        raise CorpusError(f"{where}: must be a number, but is {str(cell)[:40]!r}") from error
