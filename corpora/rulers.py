"""The decoration that programs print around a table: rules under the names of columns, names again, the number of
rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from distune._plural import n_of
from distune.corpora.raw_rows import Cells

RULE = re.compile(r"\s*:?-{3,}:?\s*")
"""A cell of Markdown's or sqlcmd's rule under the name of a column."""
PSQL_RULE = re.compile(r"-+(\+-+)+")
FOOTER = re.compile(r"\(([0-9]{1,18}) rows?( affected)?\)")
"""How psql and sqlcmd end."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which rows of a file are read, as only its place in the whole file makes a line decoration."""

    follows_names: bool = True
    """Whether the line before the first row has the names of the columns, so that a rule may come."""
    is_last: bool = True
    """Whether the file ends with these rows, perhaps with their number."""
    n_rows_before: int = 0


WHOLE = Part()
"""All rows of a file."""


def without_rulers(
    rows: Sequence[Cells], names: Sequence[str], has_header: bool, part: Part = WHOLE
) -> tuple[list[int], list[str]]:
    """The places of the rows of a table, without its header and its decoration, and notes about these."""
    n_header = 1 if has_header else 0
    is_under_names = has_header and part.follows_names
    inner, notes = list(rows[n_header:]), []
    are_names = [len(names) > 1 and [cell.strip() for cell in cells] == list(names) for cells in inner]
    are_rules = [
        is_under and _is_rule(cells) for cells, is_under in zip(inner, [is_under_names, *are_names], strict=False)
    ]
    if any(are_names):
        notes.append(
            f"{n_of(sum(are_names), 'row that repeats', 'rows that repeat')} the names of the columns left out"
        )
    n_alone = sum([cell.strip() for cell in cells] == list(names) for cells in inner) if len(names) == 1 else 0
    if n_alone:
        notes.append(
            f"{n_of(n_alone, 'row is', 'rows are')} the name of the column, {names[0]!r}, and read as any other"
        )
    if any(are_rules):
        notes.append(f"{n_of(sum(are_rules), 'rule')} of hyphens under the names of the columns left out")
    kept = [place for place, drop in enumerate(zip(are_names, are_rules, strict=True), n_header) if not any(drop)]
    last = rows[kept[-1]] if kept and part.is_last else []
    footer = FOOTER.fullmatch(last[0].strip()) if len(last) == 1 else None
    n_others = part.n_rows_before + len(kept) - 1
    if footer and int(footer[1]) == n_others:
        notes.append(f"its last line, {footer[0]}, is the number of its rows and no row")
        kept.pop()
    elif footer:
        notes.append(
            f"its last line, {footer[0]}, is read as a row, though it has {n_others:,} others: do texts hold line breaks?"
        )
    return kept, notes


def _is_rule(cells: Cells) -> bool:
    """Whether all cells are hyphens, except the empty ones at the edges of a table of bars."""
    inner = cells[1:-1] if len(cells) > 2 and not cells[0].strip() and not cells[-1].strip() else cells
    return all(RULE.fullmatch(cell) for cell in inner) or (
        len(cells) == 1 and PSQL_RULE.fullmatch(cells[0]) is not None
    )
