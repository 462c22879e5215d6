"""CSV with apostrophes around cells, as a `quotechar` of pandas or MySQL's ENCLOSED BY writes it, or with escapes and no marks
at all. It is refused if it shows."""

from __future__ import annotations

import csv
import re
from typing import Any

from distune.corpora.raw_rows import Cells, Reading
from distune.corpora.texts import CorpusError

ENCLOSED = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
"""A whole cell in apostrophes; those within are doubled or behind a backslash."""
BACKSLASHES: dict[str, Any] = {"quoting": csv.QUOTE_NONE, "escapechar": "\\"}
"""How MySQL's SELECT INTO OUTFILE and Hive escape line breaks and separators, without marks around cells."""
DIALECTS: tuple[dict[str, Any], ...] = ({"doublequote": True}, {"doublequote": False, "escapechar": "\\"})


def refuse_apostrophes(reading: Reading, delimiter: str, name: str) -> None:
    """Raise CorpusError if apostrophes surround cells, as quotation marks do in CSV.

    They do so in three cases: all cells of a column have them; each cell that holds one is enclosed, with those inside
    doubled; or rows are whole only with them.
    """
    _refuse_escapes(reading, delimiter, name)
    if not any("'" in line for line in reading.lines):
        return
    found = _enclosed_column(reading) or _doubled(reading) or _whole_by_apostrophes(reading, delimiter)
    if found:
        raise CorpusError(
            f'{name}: apostrophes stand around its cells, such as {found[:40]!r}; write it with quotation marks (") around cells, or '
            "set `quoting: csv` (or `none`) where the apostrophes are characters of the texts"
        )


def _refuse_escapes(reading: Reading, delimiter: str, name: str) -> None:
    """Raise CorpusError if rows are whole only with backslashes that escape line breaks and separators."""
    if not reading.odd or not any("\\" in line for line in reading.lines):
        return
    if _is_whole(reading, delimiter, BACKSLASHES):
        first = reading.row(reading.odd[0])
        raise CorpusError(
            f"{name}: backslashes escape line breaks or separators in cells, first in line {first.number}, as MySQL's OUTFILE and Hive "
            "write them: export it with quotation marks around cells (MySQL: FIELDS ENCLOSED BY '\"') or as JSON"
        )


def _enclosed_column(reading: Reading) -> str:
    """A cell of a column in which all cells except empty ones are enclosed; "" without such a column."""
    rows = [cells for cells in reading.rows[1:] if len(cells) == reading.width]
    for column in range(reading.width):
        filled = [cell for cells in rows if (cell := cells[column].strip())]
        if len(filled) > 1 and all(cell[0] == "'" and ENCLOSED.fullmatch(cell) for cell in filled):
            return filled[0]
    return ""


def _doubled(reading: Reading) -> str:
    """A cell with doubled apostrophes inside, if no cell has one outside of such marks."""
    marked = [cell.strip() for cells in reading.rows for cell in cells if "'" in cell]
    if not all(ENCLOSED.fullmatch(cell) for cell in marked):
        return ""
    return next((cell for cell in marked if "''" in cell[1:-1] or "\\'" in cell[1:-1]), "")


def _whole_by_apostrophes(reading: Reading, delimiter: str) -> str:
    """The beginning of a row with another number of cells, if all rows have the same number once apostrophes enclose
    cells."""
    if not reading.odd:
        return ""
    for dialect in DIALECTS:
        if _is_whole(reading, delimiter, {"quotechar": "'", **dialect}):
            return reading.row(reading.odd[0]).raw
    return ""


def _is_whole(reading: Reading, delimiter: str, dialect: dict[str, Any]) -> bool:
    """Whether all rows have the same number of cells in a dialect."""
    try:
        rows: list[Cells] = list(csv.reader(reading.lines, delimiter=delimiter, strict=True, **dialect))
    except csv.Error:
        return False
    return all(len(cells) == reading.width for cells in rows if cells)
