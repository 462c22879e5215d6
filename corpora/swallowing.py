"""Whole rows within one quotation, which a stray mark has swallowed: told by what the file's columns are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from distune.corpora.doubtful_labels import NUMBER
from distune.corpora.marks import kinds_of, quotes_a_whole_column
from distune.corpora.raw_rows import RawRow, Reading

FEW = 20
"""A column with at most this many values holds classes, whatever the number of rows."""
FEWEST_LINES = 6
"""One text may look like this many rows. Several such texts are whole rows that stray marks have swallowed."""
Likeness = Literal["row", "perhaps", "none"]


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """The form of the cells of a file's columns.

    The longest column, which has the texts, is left out, and so is a column without repeated values.
    """

    values: list[frozenset[str] | None]
    are_numbers: list[bool]
    n_rows: int

    @classmethod
    def of(cls, reading: Reading) -> _Columns:
        ends = [*reading.starts[1:], len(reading.lines)]
        spans = zip(reading.rows, reading.starts, ends, strict=True)
        rows = [cells for cells, start, end in spans if end == start + 1 and len(cells) == reading.width][1:]
        columns = [frozenset(column) for column in zip(*rows, strict=True)] or [frozenset[str]()] * reading.width
        whole = [cells for cells in reading.rows[1:] if len(cells) == reading.width]
        all_columns = [frozenset(column) for column in zip(*whole, strict=True)] or columns
        lengths = [sum(map(len, column)) for column in zip(*reading.rows, strict=False)]
        text = lengths.index(max(lengths))
        repeats = [len(column) <= max(FEW, len(whole) // 2) for column in all_columns]
        return cls(
            values=[column if repeats[i] and i != text else None for i, column in enumerate(all_columns)],
            are_numbers=[
                i != text and bool(column) and all(NUMBER.fullmatch(cell) for cell in column)
                for i, column in enumerate(columns)
            ],
            n_rows=len(rows),
        )

    def likeness(self, line: str, delimiter: str) -> Likeness:
        """Whether a line is a row by itself.

        It is no row with another number of cells, or with a word in a column of numbers. Texts hold commas too. So in a
        file of commas a cell must look like the other cells of its column; if each cell does, it is a row beyond doubt.
        """
        cells = [cell.strip('"') for cell in line.rstrip("\r\n").split(delimiter)]
        if len(cells) != len(self.values) or self._has_words_for_numbers(cells):
            return "none"
        alike = [
            (is_number and NUMBER.fullmatch(cell) is not None) or cell in (values or ())
            for cell, values, is_number in zip(cells, self.values, self.are_numbers, strict=True)
            if is_number or values
        ]
        if all(alike) and alike:
            return "row"
        # Texts hold commas; a text with as many tabs as a row has is rare.
        return "perhaps" if any(alike) or (delimiter != "," and len(cells) > 1) else "none"

    def _has_words_for_numbers(self, cells: Sequence[str]) -> bool:
        return self.n_rows > 1 and any(
            is_number and bool(cell.strip()) and not NUMBER.fullmatch(cell)
            for cell, is_number in zip(cells, self.are_numbers, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Swallowing:
    """Rows of several lines that may be rows by themselves."""

    rows: Sequence[RawRow]
    are_rows: bool = False
    """Whether there are several, each of many lines that all are rows beyond doubt."""

    @classmethod
    def of(cls, reading: Reading, delimiter: str) -> Swallowing:
        # The blank lines that follow a row are no part of it.
        several = [row for row in reading.marked if any(line.strip() for line in row.lines[1:])]
        if not several:
            return cls(rows=())
        columns = _Columns.of(reading)
        found, n_lines, are_all_rows = [], 0, True
        for row in several:
            alike = [columns.likeness(line, delimiter) for line in row.lines]
            may_be_rows = [one != "none" for one in alike]
            holds_the_file = len(row.lines) > max(FEW, len(reading.lines) // 2)
            if any(may_be_rows[1:-1]) or (may_be_rows[0] and may_be_rows[-1]) or holds_the_file:
                found.append(row)
                n_lines += len(row.lines)
                are_all_rows &= all(one == "row" for one in alike)
        # In a file of one column each line may be a row; that a program quoted its cells shows in those of one line.
        if not found and reading.width == 1 and not _quotes_single_lines(reading, delimiter):
            return cls(rows=several[:1])
        return cls(rows=found, are_rows=are_all_rows and len(found) > 1 and n_lines >= FEWEST_LINES * len(found))


def _quotes_single_lines(reading: Reading, delimiter: str) -> bool:
    rows = [row for row in reading.marked if len(row.lines) == 1]
    return any("needed" in kinds_of(row, delimiter, reading.skips_spaces) for row in rows) or quotes_a_whole_column(
        reading, delimiter
    )
