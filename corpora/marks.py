"""Whether quotation marks are at the places where a program that writes CSV puts them, and not where texts have
them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from distune.corpora.raw_rows import RawRow, Reading

SIGNS = (re.compile(","), re.compile("(?:^| )#"), re.compile("#"))
"""For which Excel and DuckDB quote a cell of a file of tabs too: a comma, and what may be read as a comment. Newer versions
of DuckDB quote for a hash anywhere."""


def follows_rules(reading: Reading, delimiter: str) -> bool:
    """Whether the marks of a reading are CSV's.

    A program quotes a whole cell: one that needs it, or each one of a column. In a file of commas a cell in quotation
    marks that needs none is still CSV's; in a file of tabs, which are more often written without, it is the text's own.
    """
    found = kinds(reading, delimiter)
    if found["bare"]:
        return bool(found["needed"]) and delimiter != "\t"
    if delimiter != "\t" or found["needed"]:
        return True
    return (
        quotes_a_whole_column(reading, delimiter)
        or _quotes_a_whole_row(reading, delimiter)
        or _quotes_empty_lines(reading)
        or any(_quotes_every(sign, reading, delimiter) for sign in SIGNS)
    )


def kinds(reading: Reading, delimiter: str) -> Counter[str]:
    return Counter(kind for row in reading.marked for kind in kinds_of(row, delimiter, reading.skips_spaces))


def kinds_of(row: RawRow, delimiter: str, skips_spaces: bool) -> Iterator[str]:
    """Whether each cell with a quotation mark is quoted by need, quoted without need, or holds the mark bare."""
    for raw, cell in zip(_raw_cells(row, delimiter, skips_spaces), row.cells, strict=False):
        if raw.startswith('"'):
            yield "needed" if any(sign in cell for sign in ('"', delimiter, "\n", "\r")) else "whole"
        elif '"' in raw:
            yield "bare"


def _raw_cells(row: RawRow, delimiter: str, skips_spaces: bool = False) -> list[str]:
    """The cells as the file spells them, quotation marks and all."""
    spaces, sign = " *" if skips_spaces else "", re.escape(delimiter)
    cell = rf'{spaces}("(?:[^"]|"")*"|[^{sign}]*)(?:{sign}|$)'
    return re.findall(cell, row.raw.rstrip("\r\n"))[: len(row.cells)]


def has_spaces_throughout(reading: Reading, delimiter: str) -> bool:
    """Whether a space follows every delimiter between cells, as people write CSV by hand."""
    sign = re.escape(delimiter)
    cell = re.compile(rf'( *"(?:[^"]|"")*"|[^{sign}]*)(?:{sign}|$)')
    for place, cells in enumerate(reading.rows):
        behind = cell.findall(reading.row(place).raw.rstrip("\r\n"))[1 : len(cells)]
        if not all(one.startswith(" ") for one in behind):
            return False
    return reading.width > 1


def quotes_a_whole_column(reading: Reading, delimiter: str) -> bool:
    """Whether all cells of a column except empty ones are quoted: two at least, of which one may be its name."""
    n_quoted = [0] * reading.width
    for place in range(len(reading.rows)):
        raw_cells = _raw_cells(reading.row(place), delimiter, reading.skips_spaces)
        for column, raw in enumerate(raw_cells[: reading.width]):
            if raw.startswith('"'):
                n_quoted[column] += 1
            elif raw and place:  # A name may stand without.
                n_quoted[column] = -len(reading.rows)
        if place and max(n_quoted, default=0) < 0:
            return False
    return max(n_quoted, default=0) > 1


def _quotes_a_whole_row(reading: Reading, delimiter: str) -> bool:
    """Whether the only row has several cells that are all quoted, the label too."""
    if len(reading.rows) != 1 or reading.width < 2:
        return False
    return all(raw.startswith('"') for raw in _raw_cells(reading.row(0), delimiter, reading.skips_spaces))


def _quotes_empty_lines(reading: Reading) -> bool:
    """Whether the only column has marks as pandas writes them: around an empty cell, whose line would else be blank."""
    return reading.width == 1 and all(row.raw.strip() == '""' for row in reading.marked)


def _quotes_every(sign: re.Pattern[str], reading: Reading, delimiter: str) -> bool:
    """Whether just the cells with a sign are quoted, and perhaps empty ones."""
    bare = any(
        sign.search(cell) and '"' not in cell for line in reading.lines for cell in line.rstrip("\r\n").split(delimiter)
    )
    quoted = [
        raw[1:-1]
        for row in reading.marked
        for raw in _raw_cells(row, delimiter, reading.skips_spaces)
        if raw.startswith('"') and raw != '""'
    ]
    return not bare and bool(quoted) and all(sign.search(cell) for cell in quoted)
