"""CSV and TSV: what separates the columns, whether there is a header, and which rows are whole."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from distune._plural import n_of
from distune.corpora.apostrophes import refuse_apostrophes
from distune.corpora.foreign_headers import SEPARATORS, refuse_other_headers
from distune.corpora.headers import NAMES
from distune.corpora.line_ends import lines_of_table, refuse_two_line_ends
from distune.corpora.quotation import read_delimited
from distune.corpora.raw_rows import Quoting, Reading
from distune.corpora.rulers import WHOLE, Part, without_rulers
from distune.corpora.table_config import TableConfig
from distune.corpora.texts import CorpusError, EmptyFileError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""The separator of the columns by the ending of a file's name, unless its header says otherwise."""
HINT = re.compile(r"\ufeff?\"?sep=(.)\"?\r?\n?")
"""The first line that tells Excel the separator of the columns."""
MARKS = {
    "none": "as characters of their texts",
    "csv": "around cells, as CSV has them",
    "backslash": "around cells, escaped by backslashes",
}
OF_LABELS = ("logit_", "probability_")
"""How the names of columns begin of which each is one label's."""


class Manner(NamedTuple):
    """How a file is read: what separates its columns, and what its quotation marks and backslashes mean."""

    delimiter: str
    quoting: Quoting
    skips_spaces: bool
    halves_backslashes: bool


class Delimited(NamedTuple):
    """The columns of a file by name, notes on how they were read, and the line in which each row begins.

    `names` are those of all columns. `head` is the text of the lines before the first row: a hint to Excel, and the names if
    `has_header`. `left_out` has the notes on rows that are decoration.
    """

    columns: dict[str, list[str]]
    notes: list[str]
    numbers: Sequence[int]
    names: list[str]
    head: str
    manner: Manner
    left_out: list[str]
    has_header: bool


def read_columns(
    text: str,
    delimiter: str,
    config: TableConfig,
    wanted: Sequence[str],
    part: Part = WHOLE,
    beginning: Delimited | None = None,
) -> Delimited:
    """The columns of a CSV or TSV file, or of a part of it that is put behind the `head` of its `beginning`.

    Raises CorpusError for rows of unequal length (unless they are skipped), names that repeat, and quotation marks that
    can be read neither way.
    """
    lines = lines_of_table(text)
    hint = HINT.fullmatch(lines[0]) if beginning is None or HINT.match(beginning.head) else None
    if hint:
        found, lines = (
            hint[1],
            ["", *lines[1:]],
        )  # Emptied, as a line that is left out would move the numbers of the others.
    else:
        found = _delimiter(lines, delimiter, config, wanted)
    reading = _reading(lines, found, config, wanted)
    header = [cell.strip() for cell in reading.rows[0]]
    names = list(config.columns or header)
    _refuse_names(names, header, wanted, config)
    has_header = (not config.columns or header == names) if beginning is None else beginning.has_header
    places, left_out = without_rulers(reading.rows, names, has_header, part)
    kept = [place for place in places if len(reading.rows[place]) == reading.width]
    if len(kept) < len(places) and not (config.skip_bad_rows and kept):
        raise CorpusError(_about_odd_rows(reading, places, config, found))
    cells = (reading.rows[place] for place in kept)
    columns = [list(column) for column in zip(*cells, strict=True)] or [[] for _ in names]
    notes = _notes(reading, len(kept), len(places) - len(kept))
    if found != delimiter:
        notes.append(f"its columns are separated by {SEPARATORS.get(found, repr(found))}")
    if config.columns and has_header:
        notes.append("its first line names the columns and is no row")
    notes += left_out
    once = {name: column for name, column in zip(names, columns, strict=True) if names.count(name) == 1}
    numbers = array("q", (reading.starts[place] + 1 for place in kept))
    head = (hint[0] if hint else "") + (reading.row(0).raw if has_header else "")
    manner = Manner(found, reading.quoting, reading.skips_spaces, bool(reading.unescaped))
    return Delimited(once, notes, numbers, names, head, manner, left_out, has_header)


def _reading(lines: Sequence[str], delimiter: str, config: TableConfig, wanted: Sequence[str]) -> Reading:
    if not any(line.strip() for line in lines):
        raise EmptyFileError(f"{config.name}: the file is empty")
    if not config.columns:
        refuse_other_headers(lines, delimiter, wanted, config.name)
    width = len(config.columns) if config.columns else None
    reading = read_delimited(lines, delimiter, config.quoting, width, config.name)
    is_blank = reading.width == 1 and not any(cells[0].strip() for cells in reading.rows)
    if not reading.rows or (is_blank and not config.columns):
        raise EmptyFileError(f"{config.name}: the file is empty except for quotation marks")
    if reading.width == 1:
        refuse_two_line_ends(lines, config.name)
    if config.quoting == "auto":
        refuse_apostrophes(reading, delimiter, config.name)
    return reading


def _delimiter(lines: Sequence[str], usual: str, config: TableConfig, wanted: Sequence[str]) -> str:
    """The separator of the columns. It is the usual sign, unless only another one gives the wanted names or the
    number of named columns. Without wanted or named columns, it is the first sign that gives every row as many
    columns as the first line."""
    first = next((line for line in lines if line.strip()), "")
    cells_of = {
        sign: [cell.strip().strip('"') for cell in first.rstrip("\r\n").split(sign)]
        for sign in (usual, *(sign for sign in SEPARATORS if sign != usual))
    }
    if config.columns:
        n_named = len(config.columns)
        signs = [sign for sign, cells in cells_of.items() if n_named == 1 or len(cells) >= n_named] or [usual]
        is_told = len(signs) == 1 or n_named == 1 or config.skip_bad_rows  # Where rows may be left out, any sign fits.
        return signs[0] if is_told else _fitting(lines, signs, config) or signs[0]
    signs = [sign for sign, cells in cells_of.items() if len(cells) > 1]
    if wanted:
        return next((sign for sign in signs if any(name in cells_of[sign] for name in wanted)), usual)
    named = (
        sign
        for sign in signs
        if any(cell.casefold() in NAMES for cell in cells_of[sign]) or _fits_most(lines, sign, first.count(sign))
    )
    return _fitting(lines, signs, config) or next(named, usual)


def _fits_most(lines: Sequence[str], sign: str, n_signs: int) -> bool:
    return sum(line.count(sign) == n_signs for line in lines) > len(lines) / 2


def _fitting(lines: Sequence[str], signs: Sequence[str], config: TableConfig) -> str | None:
    """The first of several signs by which all rows have the same number of columns."""
    width = len(config.columns) if config.columns else None
    for sign in signs:
        try:
            reading = read_delimited(lines, sign, config.quoting, width, config.name)
        except CorpusError:
            continue
        if reading.fits and reading.width > 1:
            return sign
    return None


def _refuse_names(names: Sequence[str], header: Sequence[str], wanted: Sequence[str], config: TableConfig) -> None:
    is_wanted = [name for name in names if name in wanted or not wanted or name.startswith(OF_LABELS)]
    repeated = next((name for name in is_wanted if names.count(name) > 1), None)
    if repeated is not None:
        bare = "" if config.columns else ", or name all by `columns: [...]` where the first line is no header"
        raise CorpusError(f"{config.name}: has two columns {repeated!r}; rename one of them{bare}")
    if config.columns and header != names and any(name in wanted for name in header):
        raise CorpusError(
            f"{config.name}: its first line has the names {', '.join(header)}, but `columns` says {', '.join(names)}; leave "
            "`columns` out for a file with a header, or give it the names in the file's order"
        )


def _has_row_names(reading: Reading) -> bool:
    """Whether each row has a cell more than the header, and begins with a number of its own: R's names of rows."""
    rows = reading.rows[1:]
    names = {cells[0] for cells in rows if len(cells) == reading.width + 1 and cells[0].strip('"').isdecimal()}
    return len(names) == len(rows) > 1 and any(cells[-1].strip() for cells in rows)


def _about_odd_rows(reading: Reading, places: Sequence[int], config: TableConfig, delimiter: str) -> str:
    if not config.columns and _has_row_names(reading):
        return (
            f"{config.name}: each row has a cell more than the header, as the names of rows that R's write.table writes, such as "
            f"{reading.rows[1][0]!r}; write it by write.csv(..., row.names = FALSE), or name them in the header"
        )
    are_odd = [place for place in places if len(reading.rows[place]) != reading.width]
    odd = reading.row(are_odd[0])
    shown = odd.raw.rstrip("\r\n")
    named = "the names in `columns`" if config.columns else "the header"
    return (
        f"{config.name}: {len(are_odd):,} of {n_of(len(reading.rows), 'row has', 'rows have')} another number of columns than {named}, such as line "
        f"{odd.number} with {len(odd.cells)} instead of {reading.width}: {shown[:60]!r}; quote the cells that hold "
        f"{SEPARATORS.get(delimiter, repr(delimiter))}, or set `skip_bad_rows: true` to leave these rows out"
    )


def _notes(reading: Reading, n_kept: int, n_odd: int) -> list[str]:
    notes = [f"{n_of(n_kept, 'row')} of {n_of(len(reading.lines), 'line')}"]
    if reading.marked:
        notes[0] += f", quotation marks {MARKS[reading.quoting]}"
    if reading.skips_spaces:
        notes.append("the spaces behind its commas are no part of its cells")
    if reading.unescaped:
        notes.append(
            f"{n_of(reading.unescaped, 'doubled backslash', 'doubled backslashes')} read as one each, as all of its backslashes are doubled"
        )
    if n_odd:
        notes.append(f"{n_of(n_odd, 'row')} with another number of columns than {reading.width} left out")
    return notes
