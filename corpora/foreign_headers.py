"""A first line that names no column that is wanted, and what it is instead: JSON, names between other signs, a title."""

from __future__ import annotations

import re
from collections.abc import Sequence

from distune.corpora.texts import CorpusError

SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}
BY_SPACES = re.compile(r'"([^"]*)"|([^\s"]+)')
CONTROLS = re.compile("[\x01-\x08\x0e-\x1f]")
"""Signs that Hive and others put between columns, which texts do not hold."""
OF_FASTTEXT = "__label__"
"""The beginning of a line of fastText's training data."""
LONGEST_PREFACE = 10
"""The number of lines that are searched for the names of the columns."""


def refuse_other_headers(lines: Sequence[str], delimiter: str, wanted: Sequence[str], name: str) -> None:
    """Raise CorpusError if the first line has none of the names that are wanted, and shows why."""
    begin = next((number for number, line in enumerate(lines) if line.strip()), 0)
    first = lines[begin]
    if _has_names(first, wanted, delimiter):
        return
    if first.lstrip().startswith(OF_FASTTEXT) and (wanted or delimiter not in first):
        raise CorpusError(
            f"{name}: holds lines of fastText, `{OF_FASTTEXT}LABEL text`, and no columns: write the label and the text into columns of a CSV, "
            "TSV or JSON file"
        )
    if not wanted:
        return
    if first.lstrip().startswith(('{"', '[{"')):
        raise CorpusError(f"{name}: holds JSON; its name must end in .jsonl for an object a line, or .json")
    control = CONTROLS.search(first)
    if control is not None and _has_names(first, wanted, control[0]):
        raise CorpusError(f"{name}: {control[0]!r} separates its columns; separate them by commas or tabs")
    by_spaces = [quoted or bare for quoted, bare in BY_SPACES.findall(first)]
    if len(by_spaces) > 1 and any(column in by_spaces for column in wanted):
        raise CorpusError(
            f"{name}: spaces separate its columns {', '.join(by_spaces)}, as R's write.table has them; separate them "
            "by commas or tabs, in R by write.csv(..., row.names = FALSE)"
        )
    if first.count('"') % 2:
        return  # A name over several lines.
    for number, line in enumerate(lines[begin + 1 : begin + LONGEST_PREFACE], start=begin + 2):
        if any(_has_names(line, wanted, sign) for sign in SEPARATORS):
            raise CorpusError(
                f"{name}: line {number} has the names of its columns, but the first line is {first.strip()[:40]!r}; leave out the "
                "lines before the names"
            )


def _has_names(line: str, wanted: Sequence[str], delimiter: str) -> bool:
    cells = [cell.strip().strip('"') for cell in line.rstrip("\r\n").split(delimiter)]
    return any(column in cells for column in wanted)
