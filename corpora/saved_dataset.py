"""Folders that Hugging Face's `datasets` writes by `save_to_disk`: Arrow files, class names, and the order of the rows.

Arrow reads them, so that the package itself is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from distune._plural import n_of
from distune.corpora.arrow_columns import FAULTS, arrow_columns, cannot_be_read, names_of_features
from distune.corpora.places import Place
from distune.corpora.row_names import RowNames
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

STATE, INFO, DICT = "state.json", "dataset_info.json", "dataset_dict.json"
KIND = "a saved data set"


def is_saved_dataset(folder: Place) -> bool:
    """Whether `Dataset.save_to_disk` wrote a folder."""
    return bool(folder.uri.strip()) and folder.is_folder() and all((folder / name).is_file() for name in (STATE, INFO))


def saved_splits(folder: Place) -> list[str]:
    """The splits that `DatasetDict.save_to_disk` wrote into a folder, each a folder of its own; none in any other folder."""
    if not folder.uri.strip() or not (folder / DICT).is_file():
        return []
    splits = _object(folder / DICT).get("splits")
    if not isinstance(splits, list) or not all(isinstance(one, str) for one in splits):
        raise CorpusError(f"{folder / DICT}: names no list of splits; save the data set again")
    return splits


def read_saved_dataset(folder: Place) -> Table:
    """The table in such a folder, its rows in their order; raises CorpusError for one that cannot be read rightly."""
    name = folder.uri
    state, info = _object(folder / STATE), _object(folder / INFO)
    try:
        table = pa.concat_tables([_stream(folder / file) for file in _names(state, "_data_files", folder)])
        order = [_stream(folder / file) for file in _names(state, "_indices_data_files", folder)]
        # A data set of an older version that was filtered or shuffled has all rows, and says which are meant.
        rows = pa.concat_tables(order).column(0) if order else None
        n_rows = table.num_rows if rows is None else len(rows)
        if rows is not None and n_rows and not 0 <= min(limits := _limits(rows)) <= max(limits) < table.num_rows:
            raise ValueError(
                f"its indices reach from {limits[0]} to {limits[1]}, but it has {n_of(table.num_rows, 'row')}"
            )
    except CorpusError:
        raise
    except FAULTS as error:
        raise cannot_be_read(name, KIND, error) from error

    def read(column: str) -> pa.ChunkedArray:
        cells = table.column(column)
        return cells if rows is None else cells.take(rows)

    names = names_of_features(info["features"]) if info.get("features") else {}
    damaged = f"  the features in its {INFO} are damaged, so that class numbers have no names"
    filtered = f", which its indices pick of {table.num_rows:,}" if rows is not None else ""
    return Table(
        name=name,
        columns=arrow_columns(name, KIND, table.column_names, read),
        n_rows=n_rows,
        rows=RowNames(file=name),
        notes=(f"{name}: {n_of(n_rows, 'row')} of a saved data set{filtered}", *([damaged] if names is None else [])),
        class_names=names or {},
    )


def _limits(rows: pa.ChunkedArray) -> tuple[int, int]:
    numbers = rows.to_numpy()
    return int(numbers.min()), int(numbers.max())


def _names(state: Mapping[str, Any], key: str, folder: Place) -> Sequence[str]:
    """The names of files in the state of a data set."""
    found = state.get(key) or []
    if (not found and key == "_data_files") or not all(isinstance(one, dict) and one.get("filename") for one in found):
        raise CorpusError(f"{folder / STATE}: names no files in {key}; save the data set again")
    return [str(one["filename"]) for one in found]


def _stream(file: Place) -> pa.Table:
    if not file.is_file():
        raise CorpusError(f"no such file: {file}; the data set's {STATE} names it")
    source = pa.memory_map(str(file.path)) if file.path is not None else pa.BufferReader(file.read_bytes())
    with pa.ipc.open_stream(source) as stream:
        return stream.read_all()


def _object(file: Place) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, pa.ArrowException, ValueError) as error:
        raise cannot_be_read(file.uri, "JSON", error) from error
    if not isinstance(found, dict):
        raise CorpusError(f"{file}: must hold a JSON object, but has {str(found)[:40]}")
    return found
