"""Records from JSON: an object a line, an array of objects, and the forms in which pandas writes a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distune.corpora.texts import CorpusError

Record = Mapping[str, Any]
EXAMPLE = '{"text": ...}'


class _RepeatedKeyError(ValueError):
    """An object with two values of one name, of which Python would silently keep the last."""


def read_json(text: str, name: str) -> tuple[list[Record], str]:
    """The records of a JSON file, and in which form they stand.

    A form is `lines`, `array`, `columns` (`{"text": {"0": ...}}` or `{"text": [...]}`), `index` (`{"0": {"text": ...}}`), `split` or the name of the one key
    whose array holds the records. Raises CorpusError for anything else.
    """
    lines = text.split("\n" if "\n" in text else "\r")
    filled = [line for line in lines if line.strip()]
    if len(filled) > 1 and _is_object(filled[0]):
        return _of_lines(lines, name), "lines"
    try:
        value = _parsed(text)
    except ValueError as error:
        raise CorpusError(f"{name}: cannot be read as JSON: {error}") from error
    return _of_whole(value, name)


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in record if keys.count(key) > 1)
        raise _RepeatedKeyError(f"an object has two keys {repeated!r}")
    return record


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _of_lines(lines: Sequence[str], name: str) -> list[Record]:
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = _parsed(line)
        except ValueError as error:
            raise CorpusError(f"{name}: line {number} cannot be read as JSON: {error}") from error
        if not isinstance(value, dict):
            raise CorpusError(f"{name}: line {number} must be an object such as {EXAMPLE}, but is {line[:40]!r}")
        records.append(value)
    return records


def _of_whole(value: Any, name: str) -> tuple[list[Record], str]:
    if isinstance(value, list):
        odd = next(((number, one) for number, one in enumerate(value, start=1) if not isinstance(one, dict)), None)
        if odd:
            raise CorpusError(f"{name}: element {odd[0]} must be an object such as {EXAMPLE}, but is {odd[1]!r:.40}")
        return value, "array"
    if not isinstance(value, dict):
        raise CorpusError(f"{name}: must be an array of objects, or an object a line, but is a {type(value).__name__}")
    columns, rows = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return _of_rows([str(column) for column in columns], rows, name), "split"
    arrays = [key for key, cell in value.items() if isinstance(cell, list)]
    is_record = isinstance(value.get("text", value.get("text_hash")), str)  # Whose array is of its classes.
    if not is_record and len(arrays) == 1 and any(isinstance(one, dict) for one in value[arrays[0]]):
        return _of_whole(value[arrays[0]], name)[0], arrays[0]
    if value and all(isinstance(cell, dict) for cell in value.values()):
        is_by_row = all(key.isdigit() for key in value)
        return (list(value.values()), "index") if is_by_row else (_of_indexed_columns(value, name), "columns")
    if value and all(isinstance(cell, list) for cell in value.values()):
        return _of_column_lists(value, name), "columns"
    if any(isinstance(cell, str) for cell in value.values()):
        return [value], "lines"  # A file of one line.
    raise CorpusError(f"{name}: must be an array of objects, or an object a line; its keys are {', '.join(value)}")


def _of_column_lists(value: dict[str, list[Any]], name: str) -> list[Record]:
    if len({len(cells) for cells in value.values()}) > 1:
        raise CorpusError(f"{name}: its columns {', '.join(value)} are not of one length")
    return _of_rows(list(value), list(zip(*value.values(), strict=True)), name)


def _of_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> list[Record]:
    if any(len(row) != len(columns) for row in rows):
        raise CorpusError(
            f"{name}: a row has another number of values than the {len(columns)} columns {', '.join(columns)}"
        )
    return [_without_repetition(list(zip(columns, row, strict=True))) for row in rows]


def _of_indexed_columns(value: dict[str, dict[str, Any]], name: str) -> list[Record]:
    """Columns that name their rows, as pandas writes them by default; joined by these names."""
    index = list(next(iter(value.values())))
    for column, cells in value.items():
        if cells.keys() != set(index):
            raise CorpusError(f"{name}: the column {column!r} has other rows than {next(iter(value))!r}")
    return [{column: cells[row] for column, cells in value.items()} for row in index]
