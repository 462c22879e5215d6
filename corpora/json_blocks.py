"""JSON by blocks: objects of a line each while they are read, any other form of JSON as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from distune.corpora.blocks import Block, Rows
from distune.corpora.delimited import Manner
from distune.corpora.json_records import LINES_ENDINGS, Record, Records, is_object, json_lines, read_json
from distune.corpora.places import Place
from distune.corpora.row_names import RowNames
from distune.corpora.streamed import Decoded, streamed
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, endings, in_encoding, of_records
from distune.corpora.texts import EmptyFileError

ROWS = 4096
"""How many rows of a file that is read as a whole a block has."""


@dataclass(frozen=True, kw_only=True)
class LinesBlock:
    """Some lines of a file that has an object in each."""

    name: str
    text: str
    n_lines_before: int
    n_bytes: int

    def read(self) -> Rows:
        """The rows of the block."""
        lines = [line.removeprefix("\ufeff") for line in self.text.split("\n")]
        records = json_lines(lines, self.name, self.n_lines_before)
        if self.n_lines_before and not any(records.records):  # Other blocks have values.
            names = RowNames(file=self.name, unit="line", numbers=records.numbers)
            table = Table(name=self.name, columns={}, n_rows=len(records.records), rows=names)
        else:
            table = of_records(records, self.name, "utf-8")
        return Rows(table=table, lines=[line for line in lines if line.strip()])


@dataclass(frozen=True, kw_only=True)
class RecordsBlock:
    """Some records of a file that was read as a whole."""

    name: str
    records: Records
    n_bytes: int

    def read(self) -> Rows:
        """The rows of the block."""
        table = of_records(self.records, self.name, "utf-8")
        rows = RowNames(file=self.name, numbers=self.records.numbers)
        return Rows(table=replace(table, rows=rows))


class JsonFile:
    """A file of JSON that is read block by block where its lines are objects."""

    ending = ".jsonl"
    schema = None

    def __init__(self, config: TableConfig, wanted: Sequence[str]) -> None:
        self.name, self._wanted, self._encoding = config.name, tuple(wanted), config.encoding
        self._place = Place(self.name)
        self.total = self._place.n_bytes()
        first = next(self._pieces())
        self._ending = endings(self._place.name)[0]
        self.has_lines = _begins_with_lines(first.text, self._ending)
        self.names: Sequence[str] | None = None
        self.notes = [f"{self.name}: JSON{' lines' * self.has_lines}{in_encoding(first.encoding)}"]
        if not self.has_lines:
            found = self._whole()
            self.names = list(dict.fromkeys(key for record in found.records for key in record))
            self.notes += _about_row_names(found.row_names)

    def _pieces(self) -> Iterator[Decoded]:
        return streamed(self._place, self.name, endings(self._place.name)[1], self._encoding)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in order."""
        return self._blocks_of_lines() if self.has_lines else self._blocks_of_whole()

    def _blocks_of_lines(self) -> Iterator[LinesBlock]:
        held, n_lines, n_bytes = "", 0, 0
        for piece in self._pieces():
            whole, feed, rest = piece.text.rpartition("\n")
            n_bytes = piece.n_bytes
            if not feed:
                held += piece.text
                continue
            text = held + whole
            if text.strip():
                yield LinesBlock(name=self.name, text=text, n_lines_before=n_lines, n_bytes=n_bytes)
            held, n_lines = rest, n_lines + text.count("\n") + 1
        if held.strip():
            yield LinesBlock(name=self.name, text=held, n_lines_before=n_lines, n_bytes=n_bytes)

    def _whole(self) -> Records:
        text = "".join(piece.text for piece in self._pieces()).removeprefix("\ufeff")
        found = read_json(text, self.name, self._wanted, self._ending)
        if not found.records:
            raise EmptyFileError(f"{self.name}: holds no record")
        return found

    def _blocks_of_whole(self) -> Iterator[RecordsBlock]:
        found = self._whole()
        names = list(dict.fromkeys(key for record in found.records for key in record))
        records: list[Record] = [{name: record.get(name) for name in names} for record in found.records]
        for start in range(0, len(records), ROWS):
            yield RecordsBlock(
                name=self.name,
                records=Records(records[start : start + ROWS], found.form, range(start + 1, start + ROWS + 1)),
                n_bytes=self.total * min(start + ROWS, len(records)) // len(records),
            )

    def tells_more(self, block: Block) -> bool:
        """Whether a block may tell more of how the file is read: never."""
        return False

    def check(self, manner: Manner | None, block: Block) -> None:
        """JSON is read in one manner alone."""


def _begins_with_lines(text: str, ending: str) -> bool:
    """Whether the beginning of a file has an object in its first line, and goes on behind it.

    A name that ends in .jsonl says that one line is a row too, even one that goes on behind the beginning.
    """
    filled = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip()]
    if ending not in LINES_ENDINGS:
        return len(filled) > 1 and is_object(filled[0])
    is_begun = len(filled) == 1 and filled[0].lstrip().startswith("{") and "\r" not in filled[0].rstrip()
    return is_begun or (bool(filled) and is_object(filled[0]))


def _about_row_names(names: Sequence[str]) -> list[str]:
    """The note on the names of rows, which no column holds; those that only count are none."""
    if not names or names == [str(place) for place in range(len(names))]:
        return []
    shown = ", ".join(repr(name)[:40] for name in names[:2])
    return [
        f"  the names of its rows, such as {shown}, are left out; in pandas, frame.reset_index() makes a column of them"
    ]
