"""Rows with their answers as record batches of Arrow, and the schema of an output in Parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from distune.corpora.arrow_columns import HUGGING_FACE, class_names
from distune.corpora.blocks import Rows
from distune.corpora.cells import Spelt
from distune.corpora.texts import CorpusError
from distune.tuning.serve.answer_columns import Kind

TYPES: dict[Kind, pa.DataType] = {
    "label": pa.string(),
    "labels": pa.list_(pa.string()),
    "probability": pa.float64(),
    "flag": pa.bool_(),
}
GROUP_ROWS = 65_536
"""Rows of a row group of an output."""


def schema_of_records(blocks: Iterable[Rows], name: str) -> tuple[pa.Schema, list[str]]:
    """The schema that holds all records of JSON, and notes on the digits that it cuts; raises CorpusError if a column has
    values that no one type holds."""
    found = pa.schema([])
    cut: dict[str, Spelt] = {}
    for rows in blocks:
        batch = _batch_of_records(rows, list(rows.table.columns), None, cut)
        try:
            found = pa.unify_schemas([found, batch.schema], promote_options="permissive")
        except pa.ArrowException as error:
            raise _no_one_type(name, error) from error
    notes = [
        f"the column {column!r} has numbers of more digits than the float64 of Parquet keeps, such as {number!s}; JSON lines keep them"
        for column, number in cut.items()
    ]
    return found, notes


def refuse_unwritable(schema: pa.Schema, name: str) -> None:
    """Raise CorpusError for a column of a type that Parquet cannot hold, such as an object without keys."""
    for column in schema:
        try:
            pyarrow.parquet.write_table(pa.schema([column]).empty_table(), pa.BufferOutputStream())
        except pa.ArrowNotImplementedError as error:
            what = f"values of the type {column.type}, which Parquet cannot hold"
            if "no child field" in str(error):
                what = "objects without a key, which Parquet cannot hold"
            raise CorpusError(f"{name}: the column {column.name!r} has {what}; write JSON lines") from error


def schema_of_strings(names: Sequence[str]) -> pa.Schema:
    """The schema of CSV, which has strings alone."""
    return pa.schema([(name, pa.string()) for name in names])


def with_answers(schema: pa.Schema, kinds: Mapping[str, Kind]) -> pa.Schema:
    """A schema with the columns of answers behind its own. The features that Hugging Face's `datasets` keeps in it know them too."""
    found = schema
    for name, kind in kinds.items():
        found = found.append(pa.field(name, TYPES[kind]))
    metadata = dict(schema.metadata or {})
    if HUGGING_FACE in metadata and class_names(metadata) is not None:
        about = json.loads(metadata[HUGGING_FACE])
        about["info"]["features"] |= {name: _feature(kind) for name, kind in kinds.items()}
        metadata[HUGGING_FACE] = json.dumps(about).encode()
    return found.with_metadata(metadata or None)


def _feature(kind: Kind) -> dict[str, Any]:
    if kind == "labels":
        return {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
    return {"dtype": {"label": "string", "probability": "float64", "flag": "bool"}[kind], "_type": "Value"}


def as_batch(rows: Rows, schema: pa.Schema, answers: Mapping[str, Sequence[Any]], kinds: Mapping[str, Kind]) -> Any:
    """The rows of a block with their answers as a record batch of the output's schema."""
    carried = [name for name in schema.names if name not in kinds]
    batch = rows.batch if rows.batch is not None else _batch_of_records(rows, carried, schema)
    arrays = [*batch.columns, *(pa.array(answers[name], TYPES[kind]) for name, kind in kinds.items())]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _batch_of_records(
    rows: Rows, names: Sequence[str], schema: pa.Schema | None, cut: dict[str, Spelt] | None = None
) -> pa.RecordBatch:
    """The rows as a batch; `cut` gets of each column the first number that loses a digit."""
    columns = rows.table.columns
    nothing: list[Any] = [None] * rows.table.n_rows
    arrays = []
    for name in names:
        spelt: list[tuple[Spelt, int]] = []
        cells = [_as_float(cell, spelt, place) for place, cell in enumerate(columns.get(name, nothing))]
        _refuse_too_large(spelt, name, rows)
        if cut is not None and (number := next((one for one, _ in spelt if _is_cut(one)), None)) is not None:
            cut.setdefault(name, number)
        try:
            arrays.append(pa.array(cells, None if schema is None else schema.field(name).type))
        except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
            raise _no_one_type(f"{rows.table.name}: the column {name!r}", error) from error
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _as_float(cell: Any, spelt: list[tuple[Spelt, int]], place: int) -> Any:
    """A cell with floats at any depth in place of spelt numbers, which are added to `spelt` with their row's place."""
    if isinstance(cell, Spelt):
        spelt.append((cell, place))
        return float(cell)
    if isinstance(cell, dict):
        return {key: _as_float(part, spelt, place) for key, part in cell.items()}
    if isinstance(cell, list):
        return [_as_float(part, spelt, place) for part in cell]
    return cell


def _is_cut(number: Spelt) -> bool:
    return Decimal(repr(float(number))) != number


def _refuse_too_large(spelt: Sequence[tuple[Spelt, int]], name: str, rows: Rows) -> None:
    for number, place in spelt:
        if math.isinf(float(number)):
            raise CorpusError(
                f"{rows.table.name}: the column {name!r} holds {number!s} in {rows.table.rows[place]}, which is too large for the float64 "
                "of Parquet; write JSON lines"
            )


def _no_one_type(what: str, error: Exception) -> CorpusError:
    said = str(error).strip().split("\n")[0]
    return CorpusError(f"{what} holds values that no one type of Parquet does ({said:.200}); write JSON lines")


class ParquetSink:
    """A file of Parquet that gets batch after batch; `target` is a path, or a stream of Arrow."""

    def __init__(self, target: Any, schema: pa.Schema) -> None:
        self._writer = pyarrow.parquet.ParquetWriter(target, schema)
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._n_held = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch, together with others in one row group."""
        self._held.append(batch)
        self._n_held += batch.num_rows
        if self._n_held >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
        self._held, self._n_held = [], 0

    def close(self) -> None:
        """Write what is held and the end of the file."""
        self._flush()
        self._writer.close()


def parquet_bytes(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """A whole file of Parquet."""
    target = pa.BufferOutputStream()
    sink = ParquetSink(target, schema)
    for batch in batches:
        sink.write(batch)
    sink.close()
    return bytes(target.getvalue())
