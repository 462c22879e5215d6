"""Rows with their answers as the bytes of CSV and JSON lines, or as a batch of Arrow for Parquet."""

from __future__ import annotations

import base64
import csv
import datetime
import io
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from distune.corpora.blocks import Rows
from distune.corpora.cells import Spelt
from distune.corpora.texts import CorpusError
from distune.tuning.serve.answer_columns import Kind

Answers = Mapping[str, Sequence[Any]]
DELIMITERS = {".csv": ",", ".tsv": "\t"}
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
"""The endings of outputs."""


def csv_lines(rows: Sequence[Sequence[Any]], delimiter: str) -> bytes:
    """Rows of cells as CSV, with quotation marks around the cells that need them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows(rows)
    if "\r" in text.getvalue():
        # Python quotes no bare carriage return if lines end in another sign, and programs take it for the end of a row.
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        around_all = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            (around_all if any("\r" in str(cell) for cell in row) else writer).writerow(row)
    return text.getvalue().encode()


def as_csv(rows: Rows, names: Sequence[str], answers: Answers, delimiter: str) -> bytes:
    """The rows of a block with their answers as CSV; raises CorpusError for what CSV cannot hold."""
    columns = rows.table.columns
    nothing: list[Any] = [None] * rows.table.n_rows
    carried = [_cells_of_csv(rows.table.column(name) if name in columns else nothing, name, rows) for name in names]
    answered = [_cells_of_csv(cells, name, rows) for name, cells in answers.items()]
    content = _encoded(lambda: csv_lines(list(zip(*carried, *answered, strict=True)), delimiter), rows)
    if b"\x00" in content:
        _refuse_nul(dict(zip(names, carried, strict=True)), rows)
    return content


def _refuse_nul(columns: Mapping[str, Sequence[str]], rows: Rows) -> None:
    """Raise CorpusError for a cell that holds NUL, as no reader of CSV takes a file with one."""
    for name, cells in columns.items():
        place = next((place for place, cell in enumerate(cells) if "\x00" in cell), None)
        if place is not None:
            raise CorpusError(
                f"{rows.table.name}: the column {name!r} holds a NUL character in {rows.table.rows[place]}, with which no CSV can be "
                "read; remove it, or write JSON lines"
            )


def _cells_of_csv(cells: Sequence[Any], name: str, rows: Rows) -> Sequence[Any]:
    if all(type(cell) is str for cell in cells):
        return cells
    return [_cell_of_csv(cell, name, rows, place) for place, cell in enumerate(cells)]


def _cell_of_csv(cell: Any, name: str, rows: Rows, place: int) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, dict | list | bool):
        return _json_of(cell, name, rows, place)
    if isinstance(cell, Spelt):
        return str(cell)
    plain = _plain(cell, name, rows)
    return plain if isinstance(plain, str) else repr(plain)


def as_json_lines(rows: Rows, names: Sequence[str], answers: Answers) -> bytes:
    """The rows of a block with their answers as JSON lines. Rows of JSON lines keep their spelling."""
    ends = _objects(answers, rows)
    if rows.lines is not None:
        begun = [line.rstrip() for line in rows.lines]
        whole = [
            f"{line[:-1].rstrip()}{'' if line[:-1].rstrip().endswith('{') else ', '}{end[1:]}\n"
            for line, end in zip(begun, ends, strict=True)
        ]
    else:
        begun = _objects({name: rows.table.column(name) for name in names}, rows)
        whole = [f"{row[:-1]}{', ' if names else ''}{end[1:]}\n" for row, end in zip(begun, ends, strict=True)]
    return _encoded(lambda: "".join(whole).encode(), rows)


def _objects(columns: Mapping[str, Sequence[Any]], rows: Rows) -> list[str]:
    """Each row of columns as an object of JSON."""
    keys = [json.dumps(name, ensure_ascii=False) for name in columns]
    spelt = [[_json_of(cell, name, rows, place) for place, cell in enumerate(cells)] for name, cells in columns.items()]
    template = "{" + ", ".join(f"{key.replace('%', '%%')}: %s" for key in keys) + "}"
    if not columns:
        return ["{}"] * rows.table.n_rows
    return [template % cells for cells in zip(*spelt, strict=True)]


def _json_of(cell: Any, name: str, rows: Rows, place: int) -> str:
    try:
        return ENCODER.encode(cell)
    except (TypeError, ValueError):
        pass  # It has a part that JSON has no type for, or a NaN or an infinity.
    try:
        return _spelt(cell, name, rows, place)
    except RecursionError as error:
        raise CorpusError(
            f"{rows.table.name}: the arrays and objects of the column {name!r} in {rows.table.rows[place]} stand too deep within each other"
        ) from error


def _spelt(value: Any, name: str, rows: Rows, place: int) -> str:
    """A value as JSON, part by part: NaN as null at any depth, and a number in the spelling of its file."""
    if isinstance(value, dict):
        pairs = [f"{ENCODER.encode(key)}: {_spelt(part, name, rows, place)}" for key, part in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join([_spelt(part, name, rows, place) for part in value])}]"
    if isinstance(value, Spelt):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return "null"
        raise CorpusError(
            f"{rows.table.name}: the column {name!r} holds {value!r} in {rows.table.rows[place]}, which JSON cannot spell; write Parquet"
        )
    return ENCODER.encode(value if value is None or isinstance(value, str) else _plain(value, name, rows))


ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _plain(value: Any, name: str, rows: Rows) -> Any:
    """A value of Arrow as one that JSON has: a date as ISO 8601 has it, a decimal and a UUID by their digits, bytes in base64."""
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int | float):
        return value
    raise CorpusError(
        f"{rows.table.name}: the column {name!r} holds values of the type {type(value).__name__}, which only Parquet keeps; write "
        "Parquet"
    )


def _encoded(render: Callable[[], bytes], rows: Rows) -> bytes:
    try:
        return render()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"{rows.table.name}: a cell holds half of a character, {error.object[error.start : error.end]!r}, which no file of text "
            f"can hold; it follows {error.object[max(error.start - 20, 0) : error.start]!r}"
        ) from error


def header(names: Sequence[str], kinds: Mapping[str, Kind], ending: str) -> bytes:
    """The lines above the first row of an output."""
    return csv_lines([[*names, *kinds]], DELIMITERS[ending]) if ending in DELIMITERS else b""
