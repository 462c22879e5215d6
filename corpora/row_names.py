"""How a message names a row of a file: by its line as an editor numbers lines, by its number where a file has no lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RowNames:
    """The names of the rows of a file, in its order, such as "line 2" of CSV and "row 1" of Parquet."""

    file: str
    unit: Literal["line", "row"] = "row"
    numbers: Sequence[int] | None = None
    """The number of each row, counted from 1: of its first line, or of the row itself; None for 1, 2, 3, ..."""

    def __getitem__(self, place: int) -> str:
        return f"{self.unit} {place + 1 if self.numbers is None else self.numbers[place]}"

    def of(self, n_rows: int) -> Iterator[str]:
        """The names of the first rows."""
        return (self[place] for place in range(n_rows))

    def kept(self, are_kept: Sequence[bool]) -> RowNames:
        """The names of the rows that are kept: those that they have in the file."""
        numbers = range(1, len(are_kept) + 1) if self.numbers is None else self.numbers
        return replace(self, numbers=list(compress(numbers, are_kept)))
