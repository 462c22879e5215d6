"""Whether the quotation marks of a delimited file are CSV's or its texts' own: both readings are tried, and the file decides."""

from __future__ import annotations

import bisect
import csv
import functools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from distune.corpora.texts import CorpusError

Quoting = Literal["auto", "none", "csv", "backslash"]
Cells = list[str]
BARE_RETURN = re.compile(r"\r(?!\n|$)")
ESCAPED = re.compile(r'(?<!\\)\\"')
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
FEW = 20
"""A column of at most so many values is one of classes, whatever the number of rows."""


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """A row as it was read, and the lines of the file that it was read from."""

    cells: Cells
    lines: Sequence[str]
    number: int
    """The number of the first of these lines, counted from 1."""

    @property
    def raw(self) -> str:
        return "".join(self.lines)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a file: its rows, or why it could not be read to the end."""

    quoting: Quoting
    rows: list[Cells]
    starts: list[int]
    """Of each row the place of its first line among `lines`."""
    lines: Sequence[str]
    width: int
    """How many cells a row must have."""
    fault: str = ""

    def row(self, place: int) -> RawRow:
        start = self.starts[place]
        end = self.starts[place + 1] if place + 1 < len(self.starts) else len(self.lines)
        return RawRow(cells=self.rows[place], lines=self.lines[start:end], number=start + 1)

    @functools.cached_property
    def odd(self) -> list[int]:
        """The places of the rows that have another number of cells."""
        return [place for place, cells in enumerate(self.rows) if len(cells) != self.width]

    @functools.cached_property
    def marked(self) -> list[RawRow]:
        """The rows with a quotation mark."""
        lines = [number for number, line in enumerate(self.lines) if '"' in line]
        places = sorted({bisect.bisect_right(self.starts, number) - 1 for number in lines})
        return [self.row(place) for place in places if place >= 0]

    @property
    def fits(self) -> bool:
        return not self.fault and not self.odd


def read_delimited(lines: Sequence[str], delimiter: str, quoting: Quoting, width: int | None, name: str) -> Reading:
    """The rows of a file that keeps to `quoting`; `width` is the number of columns, by default that of the first row.

    `auto` takes quotation marks for CSV's where they follow its rules, for characters where they do not. Raises CorpusError
    where a quoted cell holds whole rows, and where no reading comes to the end of the file.
    """
    if quoting == "auto":
        reading = _decided(lines, delimiter, width, name)
    else:
        reading = READERS[quoting](lines, delimiter, width)
    if reading.fault:
        raise CorpusError(
            f"{name}: {reading.fault}; where quotation marks are characters like any other, set `quoting: none`"
        )
    return reading


def _decided(lines: Sequence[str], delimiter: str, width: int | None, name: str) -> Reading:
    plain = _plainly(lines, delimiter, width)
    if not any('"' in line for line in lines):
        return plain
    quoted = _quoted(lines, delimiter, width)
    escaped = any('\\"' in line for line in lines)
    if not quoted.fits and escaped and (by_backslash := _by_backslash(lines, delimiter, width)).fits:
        quoted = by_backslash
    swallowing = _swallowing(quoted, delimiter)
    if quoted.fits and not swallowing and (plain.odd or _follows_rules(quoted, delimiter)):
        return quoted
    if not plain.odd and (not quoted.fits or len(swallowing) != 1 or _kinds(quoted, delimiter)["bare"]):
        return plain
    if quoted.fits and swallowing:
        first = swallowing[0]
        raise CorpusError(
            f"{name}: line {first.number} opens a quotation that closes {len(first.lines) - 1} lines further on and holds what "
            "look like whole rows; set `quoting: none` where quotation marks are characters like any other, `quoting: csv` "
            "where the cell is meant"
        )
    # Neither fits: rows of another length are named by the one that has fewer of them.
    return quoted if not quoted.fault and len(quoted.odd) < len(plain.odd) else plain


def _plainly(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    stripped = [line.rstrip("\r\n") for line in lines]
    starts = [number for number, line in enumerate(stripped) if line.strip(" ")]
    rows = [stripped[number].split(delimiter) for number in starts]
    return Reading(quoting="none", rows=rows, starts=starts, lines=lines, width=_width(rows, width))


def _by_backslash(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    r"""As Spark, R and pandas with an `escapechar` write it: `\"` for a mark in a cell; every other backslash is a character."""
    stand_in = _unused_character(lines)
    reading = _quoted([ESCAPED.sub(stand_in, line) for line in lines], delimiter, width)
    rows = [[cell.replace(stand_in, '"') for cell in cells] for cells in reading.rows]
    return replace(reading, quoting="backslash", rows=rows)


def _quoted(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    csv.field_size_limit(sys.maxsize)  # A document may be longer than Python's 131,072 characters.
    has_returns = any("\r" in line.rstrip("\r\n") for line in lines)
    stand_in = _unused_character(lines) if has_returns else ""
    masked = (BARE_RETURN.sub(stand_in, line) for line in lines) if has_returns else iter(lines)
    rows: list[Cells] = []
    starts: list[int] = []
    reader = csv.reader(masked, strict=True, delimiter=delimiter)
    start, fault = 0, ""
    try:
        for cells in reader:
            if cells and (len(cells) > 1 or cells[0].strip(" ")):
                rows.append([cell.replace(stand_in, "\r") for cell in cells] if has_returns else cells)
                starts.append(start)
            start = reader.line_num
    except csv.Error as error:
        fault = f"line {start + 1} cannot be read with quotation marks as CSV has them ({error})"
    return Reading(quoting="csv", rows=rows, starts=starts, lines=lines, width=_width(rows, width), fault=fault)


def _unused_character(lines: Sequence[str]) -> str:
    """Stands for a carriage return within a line, at which Python's csv would end a row that does not end there."""
    used = set().union(*lines)
    return next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in used)


READERS: dict[str, Callable[[Sequence[str], str, int | None], Reading]] = {
    "none": _plainly,
    "csv": _quoted,
    "backslash": _by_backslash,
}


def _width(rows: Sequence[Cells], width: int | None) -> int:
    return width or (len(rows[0]) if rows else 0)


def _follows_rules(reading: Reading, delimiter: str) -> bool:
    """Whether quotation marks stand where a program that writes CSV puts them, and not where texts have them.

    Such a program quotes a whole cell: one that needs it, or each one of a column. In a file of commas a cell in quotation
    marks that needs none is still CSV's; in a file of tabs, which are more often written without, it is the text's own.
    """
    kinds = _kinds(reading, delimiter)
    if kinds["bare"]:
        return bool(kinds["needed"]) and delimiter != "\t"
    if delimiter != "\t" or kinds["needed"]:
        return True
    return _quotes_a_whole_column(reading, delimiter) or _quotes_every_comma(reading, delimiter)


def _kinds(reading: Reading, delimiter: str) -> Counter[str]:
    return Counter(kind for row in reading.marked for kind in _kinds_of(row, delimiter))


def _kinds_of(row: RawRow, delimiter: str) -> Iterator[str]:
    """Of each cell with a quotation mark whether it is quoted by need, quoted without need, or holds the mark bare."""
    for raw, cell in zip(_raw_cells(row, delimiter), row.cells, strict=False):
        if raw.startswith('"'):
            yield "needed" if any(sign in cell for sign in ('"', delimiter, "\n", "\r")) else "whole"
        elif '"' in raw:
            yield "bare"


def _raw_cells(row: RawRow, delimiter: str) -> list[str]:
    """The cells as the file spells them, quotation marks and all."""
    cell = rf'("(?:[^"]|"")*"|[^{re.escape(delimiter)}]*)(?:{re.escape(delimiter)}|$)'
    return re.findall(cell, row.raw.rstrip("\r\n"))[: len(row.cells)]


def _quotes_a_whole_column(reading: Reading, delimiter: str) -> bool:
    """Whether all cells of a column are quoted but for empty ones: two at least, of which one may be its name."""
    n_quoted = [0] * reading.width
    for place in range(len(reading.rows)):
        for column, raw in enumerate(_raw_cells(reading.row(place), delimiter)):
            if raw.startswith('"'):
                n_quoted[column] += 1
            elif raw and place:  # A name may stand without.
                n_quoted[column] = -len(reading.rows)
        if place and max(n_quoted) < 0:
            return False
    return max(n_quoted) > 1


def _quotes_every_comma(reading: Reading, delimiter: str) -> bool:
    """Excel quotes the cells with a comma in a file of tabs too."""
    bare = any("," in cell and '"' not in cell for line in reading.lines for cell in line.split(delimiter))
    quoted = [raw for row in reading.marked for raw in _raw_cells(row, delimiter) if raw.startswith('"')]
    return not bare and all("," in raw for raw in quoted)


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """What the cells of a file's columns are like.

    Nothing is told of the longest column, which is that of the texts, nor of one whose values do not come again.
    """

    values: list[frozenset[str] | None]
    are_numbers: list[bool]

    @classmethod
    def of(cls, reading: Reading) -> _Columns:
        ends = [*reading.starts[1:], len(reading.lines)]
        spans = zip(reading.rows, reading.starts, ends, strict=True)
        rows = [cells for cells, start, end in spans if end == start + 1 and len(cells) == reading.width][1:]
        columns = [frozenset(column) for column in zip(*rows, strict=True)] or [frozenset[str]()] * reading.width
        lengths = [sum(map(len, column)) for column in zip(*reading.rows, strict=False)]
        text = lengths.index(max(lengths))
        repeats = [len(column) <= max(FEW, len(rows) // 2) for column in columns]
        return cls(
            values=[column if repeats[i] and i != text else None for i, column in enumerate(columns)],
            are_numbers=[
                i != text and bool(column) and all(NUMBER.fullmatch(cell) for cell in column)
                for i, column in enumerate(columns)
            ],
        )

    def has_row(self, line: str, delimiter: str) -> bool:
        """Whether a line is a row by itself: as many cells, and of those of commas one that its column has elsewhere too."""
        cells = [cell.strip('"') for cell in line.rstrip("\r\n").split(delimiter)]
        if len(cells) != len(self.values):
            return False
        if delimiter != ",":
            return len(cells) > 1  # Texts hold commas; a text with as many tabs as a row has is none.
        return any(
            (is_number and NUMBER.fullmatch(cell) is not None) or cell in (values or ())
            for cell, values, is_number in zip(cells, self.values, self.are_numbers, strict=True)
        )


def _swallowing(reading: Reading, delimiter: str) -> list[RawRow]:
    """The rows of several lines that are rows by themselves, swallowed by a stray quotation mark."""
    several = [row for row in reading.marked if len(row.lines) > 1]
    columns = _Columns.of(reading) if several else None
    found = []
    for row in several:
        whole = [columns is not None and columns.has_row(line, delimiter) for line in row.lines]
        holds_the_file = len(row.lines) > max(FEW, len(reading.lines) // 2)
        if any(whole[1:-1]) or (whole[0] and whole[-1]) or holds_the_file:
            found.append(row)
    # In a file of one column each line may be a row; that a program quoted its cells shows in those of one line.
    if not found and several and reading.width == 1 and not _quotes_single_lines(reading, delimiter):
        return several[:1]
    return found


def _quotes_single_lines(reading: Reading, delimiter: str) -> bool:
    rows = [row for row in reading.marked if len(row.lines) == 1]
    return any("needed" in _kinds_of(row, delimiter) for row in rows) or _quotes_a_whole_column(reading, delimiter)
