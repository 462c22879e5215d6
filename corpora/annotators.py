"""Exports of Label Studio and Argilla: tasks that an annotator skipped or discarded have no label, and annotators may disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from distune._digits import is_whole
from distune._plural import n_of
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

STATES = frozenset({"default", "edited", "validated", "discarded", "pending", "draft", "submitted", "completed"})
"""The values that Argilla writes into its column `status`."""
DISCARDED, CANCELLED = "discarded", "was_cancelled"


def annotated_rows(table: Table, label: str, notes: list[str]) -> list[bool]:
    """Whether, for each row, an annotator gave it the label at the path `label`: all did, unless the table says
    otherwise as Label Studio or Argilla do. `notes` gets the rows that do not count, and those with more, different
    labels.

    Raises CorpusError if no row counts.
    """
    skipped = {
        f"skipped by an annotator (`{CANCELLED}`, as Label Studio writes it)": _cancelled(table, label),
        "discarded by an annotator (as Argilla writes it)": _discarded(table, label),
    }
    for what, rows in skipped.items():
        if any(rows):
            notes.append(
                f"  {n_of(sum(rows), 'row that was', 'rows that were')} {what} left out; name the file in `unlabelled:` too to have their texts without labels"
            )
    left_out = [any(found) for found in zip(*skipped.values(), strict=True)]
    if left_out and all(left_out):
        raise CorpusError(
            f"{table.name}: no row has a label: all {len(left_out)} were skipped or discarded by an annotator"
        )
    notes += _disagreements(table, label, left_out)
    return [not one for one in left_out]


def _cancelled(table: Table, label: str) -> list[bool]:
    """The rows with a cancelled annotation; in a flat export a column says so."""
    parts = label.split(".")
    if CANCELLED in table.columns and label != CANCELLED:
        return [str(cell).strip().lower() in ("true", "1") for cell in table.column(CANCELLED)]
    if len(parts) < 2 or not is_whole(parts[1]) or parts[0] not in table.columns or label in table.columns:
        return [False] * table.n_rows
    return [_is_cancelled(_at(cell, int(parts[1]))) for cell in table.column(parts[0])]


def _is_cancelled(annotation: Any) -> bool:
    return isinstance(annotation, dict) and annotation.get(CANCELLED) is True


def _discarded(table: Table, label: str) -> list[bool]:
    """The rows with the status `discarded`, of the record or of the response that is read."""
    found = [False] * table.n_rows
    if "status" in table.columns and label != "status":
        states = [state_of(cell) for cell in table.column("status") if cell is not None]
        if states and set(states) <= STATES:
            found = [state_of(cell) == DISCARDED for cell in table.column("status")]
    question, _, place = label.rpartition(".")
    if not is_whole(place):  # A list of one response.
        question, place = label, "0"
    of_responses = f"{question}.status"
    if of_responses in table.columns:
        answers = [_at(cell, int(place)) for cell in table.column(of_responses)]
        found = [before or str(one).strip().lower() == DISCARDED for before, one in zip(found, answers, strict=True)]
    return found


def state_of(cell: Any) -> str:
    """A status in lower case, without the name of its class: `RecordStatus.discarded` is `discarded`."""
    return str(cell).strip().rsplit(".", 1)[-1].lower()


def _at(cell: Any, place: int) -> Any:
    return cell[place] if isinstance(cell, list) and place < len(cell) else None


def _disagreements(table: Table, label: str, left_out: Sequence[bool]) -> list[str]:
    """The line about a path to one of several annotations, if others have different labels."""
    parts = label.split(".")
    parent = next((n for n in range(1, len(parts)) if ".".join(parts[:n]) in table.columns), None)
    if label in table.columns or parent is None or not any(map(is_whole, parts[parent:])):
        return []
    cells = table.column(".".join(parts[:parent]))
    several = [
        labels
        for cell, is_out in zip(cells, left_out, strict=True)
        if not is_out and len(labels := Counter(_leaves(cell, parts[parent:]))) > 1
    ]
    if not several:
        return []
    shown = ", ".join(several[0])
    return [
        f"  {n_of(len(several), 'row has', 'rows have')} several labels that differ, such as {shown[:60]}: of these the one at {label!r} is taken; settle them "
        "where they were annotated if that is not meant"
    ]


def _leaves(cell: Any, path: Sequence[str]) -> Iterator[str]:
    """The labels at a path with any number in place of each of its numbers; those of cancelled annotations do not count."""
    if _is_cancelled(cell):
        return
    if not path:
        if isinstance(cell, str | int):
            yield str(cell)
    elif isinstance(cell, list) and is_whole(path[0]):
        for one in cell:
            yield from _leaves(one, path[1:])
    elif isinstance(cell, dict):
        yield from _leaves(cell.get(path[0]), path[1:])
