"""Rows of a delimited file as they were read, with the lines that they were read from."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Quoting = Literal["auto", "none", "csv", "backslash"]
Cells = list[str]


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
    """The place of each row's first line among `lines`."""
    lines: Sequence[str]
    width: int
    """How many cells a row must have."""
    fault: str = ""
    skips_spaces: bool = False
    """Whether the spaces behind a delimiter are no part of a cell."""
    unescaped: int = 0
    """How many pairs of backslashes were read as one."""

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
