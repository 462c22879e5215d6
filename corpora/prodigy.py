"""Exports of the annotation tool Prodigy: what an annotator did not accept is no labelled text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from distune._plural import n_of
from distune.corpora.cells import is_nothing
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

COLUMN = "answer"
ANSWERS = ("accept", "reject", "ignore")


def is_prodigys(table: Table, name: str) -> bool:
    """Whether a column is Prodigy's `answer`, which says of the label next to it whether it holds."""
    return name == COLUMN and {_spelt(cell) for cell in table.column(name)} <= {*ANSWERS, ""}


def rejected_rows(table: Table) -> list[bool]:
    """Whether an annotator did not accept each row, as Prodigy writes it; empty without its column."""
    if COLUMN not in table.columns or not is_prodigys(table, COLUMN):
        return []
    return [_spelt(cell) in ANSWERS[1:] for cell in table.column(COLUMN)]


def _spelt(cell: Any) -> str:
    return "" if is_nothing(cell) else str(cell).strip()


def accepted_rows(table: Table, read: Sequence[str], notes: list[str]) -> list[bool]:
    """Whether each row counts as labelled: all do, unless the table has Prodigy's column `answer`.

    `read` are the columns that the study reads. They are no such column, and a column with other values is not one
    either. Rows without an answer, as files that were joined have them, count. Raises CorpusError if no row counts.
    """
    everything = [True] * table.n_rows
    if COLUMN not in table.columns or COLUMN in read:
        return everything
    answers = [_spelt(cell) for cell in table.column(COLUMN)]
    counts = Counter(answers)
    n_left_out = counts["reject"] + counts["ignore"]
    if not set(answers) <= {*ANSWERS, ""} or not n_left_out:
        return everything
    shown = " and ".join(f"{counts[answer]} {answer}" for answer in ANSWERS[1:] if counts[answer])
    if n_left_out == table.n_rows:
        raise CorpusError(
            f"{table.name}: no row was accepted: its column {COLUMN!r}, as Prodigy writes it, has {shown}"
        )
    also = f"; {n_of(counts[''], 'row')} without an answer kept" if counts[""] else ""
    notes.append(
        f"  {n_of(n_left_out, 'row')} that an annotator did not accept ({shown} in the column {COLUMN!r}, as Prodigy writes it) left "
        f"out{also}; name the file in `unlabelled:` too to have their texts without labels"
    )
    return [answer not in ANSWERS[1:] for answer in answers]
