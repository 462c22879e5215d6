"""Records from JSON: an object a line, an array of objects, and the forms in which pandas writes a table."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from distune._digits import is_whole
from distune._plural import n_of
from distune.corpora.cells import Spelt
from distune.corpora.texts import CorpusError

Record = Mapping[str, Any]
LINES_ENDINGS = (".jsonl", ".ndjson")
EXAMPLE = '{"text": ...}'


class Records(NamedTuple):
    """The records of a file, in which form they stand, and the line of each where each has one of its own."""

    records: list[Record]
    form: str
    numbers: Sequence[int] | None = None
    row_names: Sequence[str] = ()
    """The names that the file has for its rows, as pandas writes those of its index."""


class _RepeatedKeyError(ValueError):
    """An object with two values of one name, of which Python would silently keep the last."""


def read_json(text: str, name: str, wanted: Collection[str] = (), ending: str = ".json") -> Records:
    """The records of a JSON file; `wanted` names columns of which at least one must be there.

    The ending of its name decides what a single line with an object is: a row of JSON lines, or any form of a table.

    A form is `lines`, `array`, `columns` (`{"text": {"0": ...}}` or `{"text": [...]}`), `index` (`{"0": {"text": ...}}`), `split` or the name of the one key
    whose array holds the records. Raises CorpusError for anything else.
    """
    lines = [line.removeprefix("\ufeff") for line in text.split("\n" if "\n" in text else "\r")]
    filled = [line for line in lines if line.strip()]
    if (len(filled) > 1 or ending in LINES_ENDINGS) and filled and is_object(filled[0]):
        return json_lines(lines, name)
    try:
        value = _parsed(text)
    except ValueError as error:
        several = (
            "; where several objects follow each other, write each on a line of its own"
            if "Extra data" in str(error)
            else ""
        )
        raise CorpusError(f"{name}: cannot be read as JSON: {error}{several}") from error
    return _of_whole(value, name, wanted)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repetition, parse_float=_as_spelt)
    except RecursionError as error:
        raise ValueError("its arrays and objects stand too deep within each other") from error


def _as_spelt(number: str) -> float | Spelt:
    """A number with a point or an exponent: a float if that has the same spelling, else a decimal, which loses no
    digit."""
    value = float(number)
    return value if repr(value) == number else Spelt(number)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in record if keys.count(key) > 1)
        raise _RepeatedKeyError(f"an object has two keys {repeated!r}")
    return record


def is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except RecursionError:
        return line.lstrip().startswith("{")
    except ValueError:
        return False


def json_lines(lines: Sequence[str], name: str, n_before: int = 0) -> Records:
    """The records of lines that hold an object each; they follow `n_before` lines of the file."""
    records: list[Record] = []
    numbers = array("q")
    for number, line in enumerate(lines, start=n_before + 1):
        if not line.strip():
            continue
        try:
            value = _parsed(line)
        except ValueError as error:
            raise CorpusError(f"{name}: line {number} cannot be read as JSON: {error}") from error
        if not isinstance(value, dict):
            raise CorpusError(f"{name}: line {number} must be an object such as {EXAMPLE}, but is {line[:40]!r}")
        records.append(value)
        numbers.append(number)
    return Records(records, "lines", numbers)


def _of_whole(value: Any, name: str, wanted: Collection[str]) -> Records:
    if isinstance(value, list):
        odd = next(((number, one) for number, one in enumerate(value, start=1) if not isinstance(one, dict)), None)
        if odd:
            advice = '; in pandas, orient="records" writes names' if isinstance(odd[1], list) else ""
            raise CorpusError(
                f"{name}: row {odd[0]} must be an object such as {EXAMPLE}, but is {odd[1]!r:.40}{advice}"
            )
        return Records(value, "array")
    if not isinstance(value, dict):
        raise CorpusError(f"{name}: must be an array of objects, or an object a line, but is a {type(value).__name__}")
    records = _of_object(value, name, wanted)
    if records is None:
        raise CorpusError(f"{name}: must be an array of objects, or an object a line; its keys are {', '.join(value)}")
    return records


def _of_object(value: dict[str, Any], name: str, wanted: Collection[str]) -> Records | None:
    """The records of one object, None if it holds none."""
    columns, rows = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return Records(
            _of_rows([str(column) for column in columns], rows, name), "split", row_names=_names_of(value.get("index"))
        )
    arrays = [key for key, cell in value.items() if isinstance(cell, list)]
    if len(arrays) == 1 and any(isinstance(one, dict) for one in value[arrays[0]]):
        is_record = _is_record(value, value[arrays[0]], {*wanted, "text", "text_hash"})
        return (
            Records([value], "lines")
            if is_record
            else _of_whole(value[arrays[0]], name, wanted)._replace(form=arrays[0])
        )
    if value and all(isinstance(cell, dict) for cell in value.values()):
        if _is_by_row(value, wanted, name):
            return Records(list(value.values()), "index", row_names=list(value))
        row_names = list(next(iter(value.values())))
        return Records(_of_indexed_columns(value, name), "columns", row_names=row_names)
    if value and all(isinstance(cell, list) for cell in value.values()):
        return Records(_of_column_lists(value, name), "columns")
    is_record = any(isinstance(cell, str) for cell in value.values())
    return Records([value], "lines") if is_record else None  # A file of one line.


def _is_record(value: dict[str, Any], array: list[Any], wanted: Collection[str]) -> bool:
    """Whether an object is a record with an array, and no wrapping of one: it has at least as many of the columns itself."""
    n_own = sum(isinstance(value.get(column), str) for column in wanted)
    inner = {key for one in array if isinstance(one, dict) for key in one}
    return n_own > 0 and n_own >= sum(column in inner for column in wanted)


def _is_by_row(value: dict[str, dict[str, Any]], wanted: Collection[str], name: str) -> bool:
    """Whether the outer keys are rows: the inner ones are the wanted columns, or the outer ones are numbers.

    Raises CorpusError if both are numbers, and both or neither may be the columns.
    """
    inner = {key for record in value.values() for key in record}
    is_outer, is_inner = (any(column in keys for column in wanted) for keys in (value.keys(), inner))
    if is_outer != is_inner:
        return is_inner
    if inner and all(map(is_whole, (*value, *inner))):
        raise CorpusError(
            f"{name}: has numbers for names of its columns and of its rows, so that one cannot be told from the other; give the columns "
            'names, in pandas by `frame.columns = ["text", "label"]`'
        )
    return all(map(is_whole, value))


def _names_of(index: Any) -> list[str]:
    return (
        [one if isinstance(one, str) else json.dumps(one, default=str) for one in index]
        if isinstance(index, list)
        else []
    )


def _of_column_lists(value: dict[str, list[Any]], name: str) -> list[Record]:
    if len({len(cells) for cells in value.values()}) > 1:
        raise CorpusError(f"{name}: its columns {', '.join(value)} are not of one length")
    return _of_rows(list(value), list(zip(*value.values(), strict=True)), name)


def _of_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> list[Record]:
    odd = next((number for number, row in enumerate(rows, start=1) if len(row) != len(columns)), None)
    if odd is not None:
        raise CorpusError(
            f"{name}: row {odd} has {n_of(len(rows[odd - 1]), 'value')}, but the table has {n_of(len(columns), 'column')}: {', '.join(columns)}"
        )
    repeated = next((column for column in columns if columns.count(column) > 1), None)
    if repeated is not None:
        raise CorpusError(f"{name}: has two columns {repeated!r}; rename one of them")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _of_indexed_columns(value: dict[str, dict[str, Any]], name: str) -> list[Record]:
    """Columns that name their rows, as pandas writes them by default; joined by these names."""
    index = list(next(iter(value.values())))
    for column, cells in value.items():
        if cells.keys() != set(index):
            raise CorpusError(f"{name}: the column {column!r} has other rows than {next(iter(value))!r}")
    return [{column: cells[row] for column, cells in value.items()} for row in index]
