"""One reader for every file of texts, labels or logits: its unchanged columns, and how they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from distune._digits import is_whole
from distune._plural import n_of
from distune.corpora.arrow_columns import HUGGING_FACE, class_names, parquet_columns
from distune.corpora.away import AwayError
from distune.corpora.decoding import COMPRESSIONS, UTF16_MARKS, decode, decompress
from distune.corpora.delimited import DELIMITERS, read_columns
from distune.corpora.json_records import Records, read_json
from distune.corpora.places import Place
from distune.corpora.row_names import RowNames
from distune.corpora.table_config import TableConfig
from distune.corpora.texts import CorpusError, EmptyFileError, normalise

JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
MOST_SHOWN = 20
"""How many names of columns a message has."""
LONGEST_SHOWN = 80
"""How many characters of a name it has."""
HINT = "; a file without a header is given the names of its columns by `columns: [...]`"
LFS = b"version https://git-lfs.github.com/"
ENDINGS = (*DELIMITERS, *JSON_ENDINGS, ".parquet")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a file by name, each a list of cells: strings of CSV, values of JSON and Parquet.

    `notes` say how the file was read; `class_names` has the names of the classes that a column of numbers stands for.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    n_rows: int
    rows: RowNames
    notes: tuple[str, ...] = ()
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    metadata: Mapping[bytes, bytes] = field(default_factory=dict)
    hint: str = ""
    """The possible causes of a missing column."""

    def column(self, name: str) -> list[Any]:
        """The cells of one column, by its name or by a path into nested ones such as `data.text`.

        Raises CorpusError with the names that there are.
        """
        if name in self.columns:
            return _listed(self.columns[name])
        # Programs of macOS write an umlaut as two characters, and an editor as one.
        alike = [one for one in self.columns if normalise(one) == normalise(name)]
        if len(alike) == 1:
            return _listed(self.columns[alike[0]])
        for parent in (name[:place] for place, sign in enumerate(name) if sign == "."):
            cells = _listed(self.columns.get(parent, ()))
            if any(isinstance(cell, dict | list) for cell in cells):
                path = name[len(parent) + 1 :].split(".")
                return [_inner(cell, path) for cell in cells]
        names = _shown_names(self.columns)
        shown = ", ".join(names[:MOST_SHOWN]) + (f" and {len(names) - MOST_SHOWN} more" if names[MOST_SHOWN:] else "")
        raise CorpusError(f"{self.name}: no column {name!r}; its columns are {shown}{self.hint}")

    def has(self, name: str) -> bool:
        """Whether there is a column of the name or path."""
        try:
            self.column(name)
        except CorpusError:
            return False
        return True

    def with_notes(self, *notes: str) -> Table:
        """The same table with these notes in place of its own."""
        return replace(self, notes=notes)

    def class_names_of(self, name: str) -> Sequence[str]:
        """The names of the classes that the numbers of a column stand for, by its name or path; none if it has none."""
        within_lists = ".".join(part for part in name.split(".") if not is_whole(part))
        return self.class_names.get(name, self.class_names.get(within_lists, ()))


def _listed(cells: Sequence[Any]) -> list[Any]:
    return cells.to_pylist() if isinstance(cells, pa.ChunkedArray) else list(cells)


def _inner(cell: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(cell, list):
            cell = cell[int(part)] if is_whole(part) and int(part) < len(cell) else None
        else:
            cell = cell.get(part) if isinstance(cell, dict) else None
    return cell


def _shown_names(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The names of columns, nested ones by their paths."""
    names = []
    for spelt, cells in columns.items():
        name = " ".join(spelt.split())
        name = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
        first = next((cell for cell in cells if cell is not None), None)
        names += [f"{name}.{inner}" for inner in first] if isinstance(first, dict) else [name]
    return names


def read_table(config: TableConfig, wanted: Sequence[str] = ()) -> Table:
    """The table in one file; `wanted` names columns of which at least one must exist; they decide the separator.

    Raises CorpusError for a missing file, an unknown format, and content that cannot be read rightly.
    """
    name = config.name
    place = Place(name)
    ending, compression = endings(place.name)
    if ending in (".xlsx", ".xls", ".xlsm", ".ods"):
        raise CorpusError(f"{name}: workbooks are not read; save the sheet as CSV in UTF-8")
    if ending not in ENDINGS:
        refuse_folder(place, name)
        raise CorpusError(f"{name}: the ending of its name must give the format, one of {', '.join(ENDINGS)}")
    if ending == ".parquet":
        # A missing file and a pointer to one are told in the same words.
        if not content_of(place, name, n_bytes=len(LFS)):
            raise EmptyFileError(f"{name}: the file is empty")
        return _of_parquet(place, name)
    content = content_of(place, name)
    if not content:
        raise EmptyFileError(f"{name}: the file is empty")
    if compression:
        content = decompress(content, compression, name)
    decoded = decode(content, name, config.encoding)
    if not decoded.text.strip():
        raise EmptyFileError(f"{name}: the file is empty")
    if ending in JSON_ENDINGS:
        return of_records(read_json(decoded.text, name, wanted, ending), name, decoded.encoding)
    marked = "\ufeff" if decoded.encoding == "utf-8-sig" or content.startswith(UTF16_MARKS) else ""
    found = read_columns(marked + decoded.text, DELIMITERS[ending], config, wanted)
    columns, notes = found.columns, found.notes
    first = f"{name}: {notes[0]}{in_encoding(decoded.encoding)}"
    return Table(
        name=name,
        columns=columns,
        n_rows=len(next(iter(columns.values()))),
        notes=(first, *(f"  {note}" for note in notes[1:])),
        rows=RowNames(file=name, unit="line", numbers=found.numbers),
        hint=HINT,
    )


def endings(name: str) -> tuple[str, str]:
    """The ending that tells the format and that of a compression, both in lower case."""
    parts = name.lower().rsplit(".", 2)
    last = f".{parts[-1]}" if len(parts) > 1 else ""
    if last in COMPRESSIONS and len(parts) > 2:
        return f".{parts[-2]}", last
    return last, ""


def content_of(place: Place, name: str, n_bytes: int | None = None) -> bytes:
    """The bytes of a file, or its first ones; raises CorpusError for one that is not there or cannot be read,
    and AwayError for a storage that does not answer."""
    refuse_folder(place, name)
    try:
        if not place.exists():
            raise CorpusError(f"no such file: {name}")
        content = place.read_bytes(n_bytes)
    except AwayError:
        raise
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().split("\n")[0]
        raise CorpusError(f"{name}: cannot be read: {reason}") from error
    if content.startswith(LFS):
        raise CorpusError(f"{name}: is a pointer that Git LFS left in place of the file; fetch it by `git lfs pull`")
    return content


def refuse_folder(place: Place, name: str) -> None:
    """Raise CorpusError for a folder, such as one of the parts that Spark writes, for a device or pipe, and for an empty path."""
    if not name.strip():
        raise CorpusError("the path of a file is empty; name a file")
    try:
        is_there = place.exists() and not place.is_file()
        is_folder = is_there and place.is_folder()
    except AwayError:
        raise
    except (OSError, pa.ArrowException):
        return  # What cannot be looked at is told where it is read.
    if is_there and not is_folder:
        raise CorpusError(f"{name} is a device or a pipe and no file; write what it holds into a file first")
    if is_folder:
        raise CorpusError(f"{name} is a folder; name the file in it, or put its parts together into one file")


def _of_parquet(place: Place, name: str) -> Table:
    columns, n_rows, metadata = parquet_columns(place, name)
    names = class_names(metadata)
    damaged = f"  its metadata {HUGGING_FACE.decode()!r} are damaged, so that class numbers have no names"
    return Table(
        name=name,
        columns=columns,
        n_rows=n_rows,
        rows=RowNames(file=name),
        notes=(f"{name}: {n_of(n_rows, 'row')} of Parquet", *([damaged] if names is None else [])),
        metadata=metadata,
        class_names=names or {},
    )


def of_records(found: Records, name: str, encoding: str) -> Table:
    records, form, numbers = found.records, found.form, found.numbers
    rows = RowNames(file=name, unit="row" if numbers is None else "line", numbers=numbers)
    names = list(dict.fromkeys(key for record in records for key in record))
    if not names:
        raise CorpusError(f"{name}: holds no record with a value")
    columns = {column: [record.get(column) for record in records] for column in names}
    shown = {
        "lines": "JSON lines",
        "array": "a JSON array",
        "columns": "JSON columns",
        "split": "JSON (split)",
        "index": "JSON (index)",
    }
    note = (
        f"{name}: {n_of(len(records), 'row')} of {shown.get(form, f'the JSON array {form!r}')}{in_encoding(encoding)}"
    )
    return Table(name=name, columns=columns, n_rows=len(records), notes=(note,), rows=rows)


def in_encoding(encoding: str) -> str:
    return "" if encoding in ("utf-8", "utf-8-sig") else f", in {encoding}"
