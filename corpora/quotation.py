"""Whether the quotation marks of a delimited file are CSV's or its texts' own: both readings are tried, and the file decides."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from distune._plural import n_of
from distune.corpora.marks import follows_rules, has_spaces_throughout, kinds
from distune.corpora.raw_rows import Cells, Quoting, Reading
from distune.corpora.swallowing import Swallowing
from distune.corpora.texts import CorpusError

BARE_RETURN = re.compile(r"\r(?!\n|$)")
ESCAPED = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
BACKSLASHES = re.compile(r"\\+")
LEFT_MARKS = re.compile(r' +"[^"]*" *')


def read_delimited(lines: Sequence[str], delimiter: str, quoting: Quoting, width: int | None, name: str) -> Reading:
    """The rows of a file that keeps to `quoting`; `width` is the number of columns, by default that of the first row.

    `auto` takes quotation marks for CSV's if they follow its rules, else for characters. Raises CorpusError if a quoted
    cell holds whole rows, and if no reading reaches the end of the file.
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
    quoted = _with_marks(lines, delimiter, width)
    swallowing = Swallowing.of(quoted, delimiter)
    if quoted.fits and not swallowing.rows and (plain.odd or follows_rules(quoted, delimiter)):
        _refuse_left_marks(quoted, name)
        return quoted
    is_evident = not swallowing.rows or swallowing.are_rows or kinds(quoted, delimiter)["bare"]
    if not plain.odd and (not quoted.fits or is_evident):
        return plain
    if quoted.fits and swallowing.rows:
        first = swallowing.rows[0]
        raise CorpusError(
            f"{name}: line {first.number} opens a quotation that closes {n_of(len(first.lines) - 1, 'line')} further on and holds what "
            f"look like whole rows; set `quoting: none` where quotation marks are characters like any other ({n_of(len(plain.rows), 'row')}), "
            f"`quoting: csv` where the cell is meant ({n_of(len(quoted.rows), 'row')})"
        )
    # Neither fits: rows of another length are named by the one that has fewer of them.
    return quoted if not quoted.fault and len(quoted.odd) < len(plain.odd) else plain


def _with_marks(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    """The reading with marks around cells: doubled within, or else escaped, or else behind spaces, if only that
    fits."""
    quoted = _quoted(lines, delimiter, width)
    if not quoted.fits and any('\\"' in line for line in lines):
        by_backslash = _by_backslash(lines, delimiter, width)
        if by_backslash.fits:
            return by_backslash
    if any(f"{delimiter} " in line and ' "' in line for line in lines):
        spaced = _quoted(lines, delimiter, width, skips_spaces=True)
        if spaced.fits and has_spaces_throughout(spaced, delimiter):
            return spaced
    return quoted


def _refuse_left_marks(reading: Reading, name: str) -> None:
    """Raise CorpusError for a cell that keeps its quotation marks because a space comes before them."""
    for row in reading.marked:
        left = next((cell for cell in row.cells[1:] if LEFT_MARKS.fullmatch(cell)), None)
        if left is not None:
            raise CorpusError(
                f"{name}: line {row.number} has a space before the quotation mark of a cell, {left[:40]!r}, where other rows have none; "
                "write it without such spaces, or set `quoting: none` where quotation marks are characters like any other"
            )


def _plainly(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    stripped = [line.rstrip("\r\n") for line in lines]
    starts = [number for number, line in enumerate(stripped) if line.strip(" ")]
    rows = [stripped[number].split(delimiter) for number in starts]
    return Reading(quoting="none", rows=rows, starts=starts, lines=lines, width=_width(rows, width))


def _by_backslash(lines: Sequence[str], delimiter: str, width: int | None) -> Reading:
    r"""As Spark, R and pandas with an `escapechar` write it: `\"` for a mark in a cell.

    A program that escapes its backslashes too doubles each one: if they come only in pairs, a pair is one.
    """
    stand_in = _unused_character(lines)
    masked = [ESCAPED.sub(rf"\g<1>{stand_in}", line) for line in lines]
    reading = _quoted(masked, delimiter, width)
    runs = (
        [run for line in masked for run in BACKSLASHES.findall(line)] if any("\\\\" in line for line in masked) else []
    )
    n_pairs = sum(map(len, runs)) // 2 if all(len(run) % 2 == 0 for run in runs) else 0
    rows = [[cell.replace(stand_in, '"') for cell in cells] for cells in reading.rows]
    if n_pairs:
        rows = [[cell.replace("\\\\", "\\") for cell in cells] for cells in rows]
    return replace(reading, quoting="backslash", rows=rows, unescaped=n_pairs)


def _quoted(lines: Sequence[str], delimiter: str, width: int | None, skips_spaces: bool = False) -> Reading:
    csv.field_size_limit(sys.maxsize)  # A document may be longer than Python's 131,072 characters.
    has_returns = any("\r" in line.rstrip("\r\n") for line in lines)
    stand_in = _unused_character(lines) if has_returns else ""
    masked = (BARE_RETURN.sub(stand_in, line) for line in lines) if has_returns else iter(lines)
    rows: list[Cells] = []
    starts: list[int] = []
    reader = csv.reader(masked, strict=True, delimiter=delimiter, skipinitialspace=skips_spaces)
    start, fault = 0, ""
    try:
        for cells in reader:
            # A blank line is no row; a line of two quotation marks is one, whose only cell is empty.
            if len(cells) > 1 or (cells and (cells[0].strip(" ") or lines[start].strip(" \r\n\ufeff"))):
                rows.append([cell.replace(stand_in, "\r") for cell in cells] if has_returns else cells)
                starts.append(start)
            start = reader.line_num
    except csv.Error as error:
        fault = f"line {start + 1} cannot be read with quotation marks as CSV has them ({error})"
    return Reading(
        quoting="csv",
        rows=rows,
        starts=starts,
        lines=lines,
        width=_width(rows, width),
        fault=fault,
        skips_spaces=skips_spaces,
    )


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
