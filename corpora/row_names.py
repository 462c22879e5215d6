"""How a message names a row of a file: by its line as an editor numbers lines, by its number where a file has no lines."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, groupby
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RowNames:
    """The names of the rows of a file, in its order, such as "line 2" of CSV and "row 1" of Parquet.

    Rows of several files that are read as one are named together with their file, such as "row 1 of b.parquet".
    """

    file: str
    unit: Literal["line", "row"] = "row"
    numbers: Sequence[int] | None = None
    """The number of each row, counted from 1: of its first line, or of the row itself; None for 1, 2, 3, ..."""
    parts: tuple[RowNames, ...] = ()
    """The names of the rows of each file, if there are several."""
    in_part: Sequence[int] = ()
    """The place among `parts` of the file of each row."""

    def __getitem__(self, place: int) -> str:
        number = place + 1 if self.numbers is None else self.numbers[place]
        if not self.parts:
            return f"{self.unit} {number}"
        part = self.parts[self.in_part[place]]
        return f"{part.unit} {number} of {part.file}"

    def of(self, n_rows: int) -> Iterator[str]:
        """The names of the first rows."""
        return (self[place] for place in range(n_rows))

    def kept(self, are_kept: Sequence[bool]) -> RowNames:
        """The names of the rows that are kept: those that they have in the file."""
        if all(are_kept):
            return self
        numbers = range(1, len(are_kept) + 1) if self.numbers is None else self.numbers
        in_part = array("i", compress(self.in_part, are_kept)) if self.parts else ()
        return replace(self, numbers=array("q", compress(numbers, are_kept)), in_part=in_part)

    def spans(self, n_rows: int) -> Iterator[tuple[int, int, str]]:
        """Yield for each file with rows the place of its first row, the place behind its last one, and its name."""
        if not self.parts:
            yield 0, n_rows, self.file
        start = 0
        for part, group in groupby(self.in_part):
            end = start + sum(1 for _ in group)
            yield start, end, self.parts[part].file
            start = end


def joined_names(parts: Sequence[RowNames], sizes: Sequence[int], name: str) -> RowNames:
    """The names of the rows of several files, one behind the other; `sizes` has the number of rows of each."""
    numbers, in_part = array("q"), array("i")
    for place, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        numbers.extend(range(1, size + 1) if part.numbers is None else part.numbers)
        in_part.extend([place] * size)
    return RowNames(file=name, numbers=numbers, parts=tuple(parts), in_part=in_part)
