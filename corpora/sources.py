"""A source of texts as one table: one file, or several files of one format with the same columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from distune._plural import n_of
from distune.corpora.arrow_columns import Columns, joined_cells
from distune.corpora.cells import is_nothing
from distune.corpora.file_lists import Files, files_of, shown
from distune.corpora.hub_dataset import is_of_hub, read_of_hub
from distune.corpora.places import Place
from distune.corpora.row_names import joined_names
from distune.corpora.saved_dataset import is_saved_dataset, read_saved_dataset
from distune.corpora.table_config import TableConfig, in_words
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError, EmptyFileError

MANNER = re.compile(r"(?P<sizes>.*?: [0-9,]+ rows?( of [0-9,]+ lines?)?)(?P<rest>.*)", re.DOTALL)
"""The first note about a file: its name, its rows and lines, and then in which manner it was read."""
KINDS = {str: "strings", bytes: "strings", bool: "truth values", int: "numbers", float: "numbers", dict: "objects"}
"""The words of a message for cells of a type; other types have their own names."""


def read_source(
    config: TableConfig,
    wanted: Sequence[str] = (),
    together: Sequence[str] = (),
    some: Sequence[str] = (),
    metadata: Callable[[Sequence[Table]], Mapping[bytes, bytes]] = lambda tables: {},
) -> Table:
    """The table in the file, or in all files, that a setting names.

    `wanted` names the columns that every file must have, `together` those that all files have or none, and `some` those that
    any of them may have. `metadata` says which metadata several tables have together. Raises CorpusError for what cannot be read rightly, for files of several formats, and for columns
    that differ.
    """
    files = files_of(config.path)
    tables, empty = _read_all(files, config, (*wanted, *together))
    notes = (*files.notes, *empty)
    if len(tables) == 1:
        return tables[0].with_notes(*tables[0].notes, *notes)
    for column in some:
        _refuse_other_names([table for table in tables if column in table.columns], column)
    common = metadata(tables)
    shared = [column for column in together if any(column in table.columns for table in tables)]
    whole = _joined(tables, in_words(config.path), (*wanted, *shared))
    return replace(whole, metadata=common, notes=(*_notes(tables, in_words(config.path)), *notes))


def _read_all(files: Files, config: TableConfig, wanted: Sequence[str]) -> tuple[list[Table], list[str]]:
    """The tables of files, and a note about the parts of a folder or pattern that have no row, as Spark writes them."""
    tables: list[Table] = []
    empty: list[str] = []
    for path in files.paths:
        may_be_empty = path in files.parts and len(files.paths) > 1
        try:
            table = _read_one(path, config, wanted)
        except EmptyFileError:
            if not may_be_empty:
                raise
            table = None
        if table is None or (may_be_empty and not table.n_rows):
            empty.append(path)
        else:
            tables.append(table)
    if not tables:
        raise EmptyFileError(f"{config.name}: none of its {n_of(len(files.paths), 'file')} has a row")
    said = f"  {n_of(len(empty), 'file has', 'files have')} no row, and {'is' if len(empty) == 1 else 'are'} left out: {shown(empty)}"
    return tables, [said] if empty else []


def _read_one(path: str, config: TableConfig, wanted: Sequence[str]) -> Table:
    if is_of_hub(path):
        return read_of_hub(path)
    if is_saved_dataset(Place(path)):
        return read_saved_dataset(Place(path))
    return read_table(config.model_copy(update={"path": path}), wanted)


def _joined(tables: Sequence[Table], name: str, wanted: Sequence[str]) -> Table:
    for column in wanted:
        _refuse_other_kinds(tables, column)
        _refuse_other_names(tables, column)
    return Table(
        name=name,
        columns=_columns_of(tables),
        n_rows=sum(table.n_rows for table in tables),
        rows=joined_names([table.rows for table in tables], [table.n_rows for table in tables], name),
        class_names=_common_names(tables),
        hint=tables[0].hint,
    )


def _columns_of(tables: Sequence[Table]) -> Columns:
    """The columns of several tables, one behind the other; a table without a column has no value there."""

    def cells(name: str) -> Sequence[Any]:
        return joined_cells([table.columns.get(name, [None] * table.n_rows) for table in tables])

    return Columns(list(dict.fromkeys(name for table in tables for name in table.columns)), cells)


def _refuse_other_kinds(tables: Sequence[Table], column: str) -> None:
    """Raise CorpusError for a table that lacks the column, and for one that has cells of another kind in it."""
    first, known = "", frozenset[str]()
    for table in tables:
        kinds = _kinds(table.column(column))
        if kinds and known and not kinds & known:
            raise CorpusError(
                f"{table.name}: its column {column!r} has {' and '.join(sorted(kinds))}, but that of {first} has "
                f"{' and '.join(sorted(known))}; the files of one source must have columns of the same type"
            )
        if kinds and not known:
            first, known = table.name, kinds


def _kinds(cells: Sequence[Any]) -> frozenset[str]:
    types = set(map(type, cells)) - {type(None)}
    if float in types and all(is_nothing(cell) for cell in cells if type(cell) is float):
        types.remove(float)  # NaN, as pandas writes a missing value.
    return frozenset(KINDS.get(one, f"values of the type {one.__name__}") for one in types)


def _refuse_other_names(tables: Sequence[Table], column: str) -> None:
    """Raise CorpusError if a class number has another name in one of the tables, or a name in some of them only."""
    for first, table in pairwise(tables):
        names = tuple(first.class_names_of(column))
        others = tuple(table.class_names_of(column))
        if others != names:
            shown = [", ".join(one[:5]) + (", ..." if len(one) > 5 else "") or "nothing" for one in (others, names)]
            raise CorpusError(
                f"{table.name}: names the classes of its column {column!r} {shown[0]}, but {first.name} names them {shown[1]}; "
                "write the names as strings in place of the numbers"
            )


def _common_names(tables: Sequence[Table]) -> dict[str, Sequence[str]]:
    """The names of classes that all tables with their column share."""
    named = {path: names for table in tables for path, names in table.class_names.items()}

    def are_shared(path: str) -> bool:
        having = [table for table in tables if path.partition(".")[0] in table.columns]
        return all(tuple(table.class_names.get(path, ())) == tuple(named[path]) for table in having)

    return {path: names for path, names in named.items() if are_shared(path)}


def _notes(tables: Sequence[Table], name: str) -> list[str]:
    """How the files were read: one line for all if they were read in one manner, and the lines about single files."""
    n_rows = sum(table.n_rows for table in tables)
    manners = [MANNER.fullmatch(table.notes[0]) for table in tables]
    rests = {match["rest"] if match else "" for match in manners}
    one_manner = rests.pop() if len(rests) == 1 and all(manners) else None
    found = [
        f"{name}: {len(tables)} files, {n_of(n_rows, 'row')}{one_manner or ''} ({tables[0].name} to {tables[-1].name})"
    ]
    for table in tables:
        if one_manner is None or len(table.notes) > 1:
            found += [f"  {note}" for note in table.notes]
    return found
