"""Columns of Arrow and Parquet, each read when it is asked for; and the names of classes that Hugging Face's datasets keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from distune.corpora.places import Place
from distune.corpora.texts import CorpusError

HUGGING_FACE = b"huggingface"
"""The key of a file's metadata under which Hugging Face's `datasets` keeps what its columns are."""
FAULTS = (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError)
"""The errors of a damaged file, and of values that no object of Python holds, such as dates after the year 9999."""


class Columns(Mapping[str, Sequence[Any]]):
    """Columns by name, each of which `read` reads every time that it is asked for, so that no more than one is in memory."""

    def __init__(self, names: Sequence[str], read: Callable[[str], Sequence[Any]]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names  # Mapping's own way would read the column.

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def arrow_columns(name: str, kind: str, names: Sequence[str], read: Callable[[str], pa.ChunkedArray]) -> Columns:
    """Columns as Python's values; one of lists of numbers stays an array, since it may hold a billion numbers.

    Raises CorpusError for a name that two columns have, and for a column that cannot be read when it is asked for.
    """
    repeated = next((one for one in names if names.count(one) > 1), None)
    if repeated is not None:
        raise CorpusError(f"{name}: has two columns {repeated!r}; rename one of them")

    def cells(column_name: str) -> Sequence[Any]:
        try:
            column = read(column_name)
            column.validate(full=True)
            return _cells(column)
        except FAULTS as error:
            raise cannot_be_read(name, kind, error) from error

    return Columns(names, cells)


def parquet_columns(place: Place, name: str) -> tuple[Columns, int, dict[bytes, bytes]]:
    """The columns of a Parquet file, its number of rows, and its metadata; raises CorpusError for a damaged one."""
    try:
        # What lies elsewhere is fetched once; a file of this machine is opened for each column.
        source = place.path or pa.BufferReader(place.read_bytes())
        with pyarrow.parquet.ParquetFile(source) as file:
            footer, schema = file.metadata, file.schema_arrow
    except FAULTS as error:
        raise cannot_be_read(name, "Parquet", error) from error

    def read(column: str) -> pa.ChunkedArray:
        with pyarrow.parquet.ParquetFile(source, metadata=footer) as file:
            return file.read(columns=[column]).column(column)

    return arrow_columns(name, "Parquet", schema.names, read), footer.num_rows, dict(schema.metadata or {})


def cannot_be_read(name: str, kind: str, error: BaseException) -> CorpusError:
    said = str(error).strip().split(chr(10))[0] or type(error).__name__
    return CorpusError(f"{name}: cannot be read as {kind}: {said}")


def _cells(column: pa.ChunkedArray) -> Sequence[Any]:
    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        return column  # type: ignore[no-any-return]
    cells: list[Any] = column.to_pylist()
    return cells


def joined_cells(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """The cells of one column in several files, one behind the other. Arrays of one type stay an array."""
    if all(isinstance(part, pa.ChunkedArray) and part.type == parts[0].type for part in parts):  # type: ignore[attr-defined]
        whole: Sequence[Any] = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)  # type: ignore[attr-defined]
        return whole
    return [cell for part in parts for cell in (part.to_pylist() if isinstance(part, pa.ChunkedArray) else part)]


def class_names(metadata: Mapping[bytes, bytes]) -> dict[str, Sequence[str]] | None:
    """The names of classes in the metadata of a file, by the path of the column that has the class numbers; None if the
    metadata are damaged."""
    if HUGGING_FACE not in metadata:
        return {}
    try:
        return names_of_features(json.loads(metadata[HUGGING_FACE])["info"]["features"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def names_of_features(features: Any) -> dict[str, Sequence[str]] | None:
    """The names of classes in the features of a data set of Hugging Face's; None if these are damaged."""
    try:
        return dict(_named_features(features, ())) if isinstance(features, dict) else None
    except (TypeError, RecursionError):
        return None


def _named_features(feature: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Sequence[str]]]:
    """The paths of classes with names within a feature; a list (`Sequence`, `List`) adds nothing to a path."""
    if isinstance(feature, list):
        for inner in feature:
            yield from _named_features(inner, path)
    elif isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
        if feature.get("names"):
            if not isinstance(feature["names"], list):
                raise TypeError("The names of classes must be a list.")
            yield ".".join(path), tuple(map(str, feature["names"]))
    elif isinstance(feature, dict) and isinstance(feature.get("_type"), str):
        yield from _named_features(feature.get("feature"), path)
    elif isinstance(feature, dict):
        for name, inner in feature.items():
            yield from _named_features(inner, (*path, name))
