"""Exports of annotation tools and crowd platforms: what was skipped, discarded, left as a draft or rejected is no label, and annotators
may disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from distune._digits import is_whole
from distune._plural import n_of
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

STATES = frozenset({"default", "edited", "validated", "discarded", "pending", "draft", "submitted", "completed"})
"""The values that Argilla writes into its column `status`."""
OF_TURNS = frozenset({"role", "from"})
"""The keys that say who speaks in a turn of a chat: its turns are no annotations of one text."""
DISCARDED, DRAFT, CANCELLED = "discarded", "draft", "was_cancelled"
SUGGESTION, RESPONSES = ".suggestion", ".responses"
"""The ends of Argilla's columns of what a model says of a question, and of what annotators say."""
UNFINISHED = (DISCARDED, DRAFT)
"""The values with which Argilla says that the response of an annotator is no answer, or none yet."""


class Assignments(NamedTuple):
    """How a crowd platform says, in a column with the answer of one worker in each row, which answers do not count."""

    tool: str
    states: frozenset[str]
    """All values of the column, in lower case."""
    rejected: frozenset[str]
    """Those of answers that do not count."""


PLATFORMS = {
    "AssignmentStatus": Assignments(
        "Mechanical Turk", frozenset({"submitted", "approved", "rejected"}), frozenset({"rejected"})
    ),
    "ASSIGNMENT:status": Assignments(
        "Toloka",
        frozenset({"active", "submitted", "approved", "accepted", "rejected", "skipped", "expired"}),
        frozenset({"rejected", "skipped", "expired"}),
    ),
    "_tainted": Assignments("Appen", frozenset({"true", "false"}), frozenset({"true"})),
}
"""The columns of crowd platforms, by their names."""


def annotated_rows(table: Table, label: str, notes: list[str]) -> list[bool]:
    """Whether, for each row, an annotator gave it the label at the path `label`: all did, unless the table says
    otherwise as Label Studio or Argilla do. `notes` gets the rows that do not count, and those with more, different
    labels.

    Raises CorpusError if no row counts.
    """
    skipped = unfinished_rows(table, label)
    notes += [
        f"  {n_of(sum(rows), 'row that was', 'rows that were')} {what} left out; name the file in `unlabelled:` too to have their texts without labels"
        for what, rows in skipped.items()
    ]
    left_out = [any(found) for found in zip(*skipped.values(), strict=True)] or [False] * table.n_rows
    if left_out and all(left_out):
        shown = " or ".join(what.split(" (")[0] for what in skipped)
        raise CorpusError(f"{table.name}: no row has a label: all {len(left_out)} were {shown}")
    notes += _disagreements(table, label, left_out) + _about_suggestions(table, label)
    return [not one for one in left_out]


def unfinished_rows(table: Table, label: str) -> dict[str, list[bool]]:
    """The rows of whose label at the path `label` an annotator has not said that it holds, by what the table says of
    them, as Label Studio, Argilla and crowd platforms do."""
    states = _states(table, label)
    found = {
        f"skipped by an annotator (`{CANCELLED}`, as Label Studio writes it)": _cancelled(table, label),
        "discarded by an annotator (as Argilla writes it)": [state == DISCARDED for state in states],
        "kept as a draft by an annotator (as Argilla writes it)": [state == DRAFT for state in states],
    }
    for name, platform in PLATFORMS.items():
        found[f"rejected or not finished (`{name}`, as {platform.tool} writes it)"] = _rejected(table, label, name)
    return {what: rows for what, rows in found.items() if any(rows)}


def _rejected(table: Table, label: str, name: str) -> list[bool]:
    """Whether the answer in each row does not count, as a crowd platform says in the column `name`; empty without such a column."""
    if name not in table.columns or label == name:
        return []
    states = ["" if cell is None else state_of(cell) for cell in table.column(name)]
    are_of_platform = set(states) - {""} <= PLATFORMS[name].states
    return [are_of_platform and state in PLATFORMS[name].rejected for state in states]


def _cancelled(table: Table, label: str) -> list[bool]:
    """Whether each row has a cancelled annotation, as a column of a flat export says; empty if nothing says so."""
    if CANCELLED in table.columns and label != CANCELLED:
        return [str(cell).strip().lower() in ("true", "1") for cell in table.column(CANCELLED)]
    return [one.get(CANCELLED) is True for one in _annotations(table, label)]


def _annotations(table: Table, label: str) -> list[Mapping[str, Any]]:
    """The annotation of each row that a path with a number goes through, such as `annotations.0.result`; none for other
    paths."""
    parts = label.split(".")
    if len(parts) < 2 or not is_whole(parts[1]) or parts[0] not in table.columns or label in table.columns:
        return []
    found = (_at(cell, int(parts[1])) for cell in table.column(parts[0]))
    return [one if isinstance(one, dict) else {} for one in found]


def _states(table: Table, label: str) -> list[str]:
    """The status of the record of each row, or of the response that is read if that says more; empty without any."""
    of_record: list[str] = []
    if "status" in table.columns and label != "status":
        states = ["" if cell is None else state_of(cell) for cell in table.column("status")]
        of_record = states if set(states) - {""} <= STATES else []
    question, _, place = label.rpartition(".")
    if not is_whole(place):  # A list of one response.
        question, place = label, "0"
    of_responses = f"{question}.status"
    responses = (
        [_at(cell, int(place)) for cell in table.column(of_responses)]
        if of_responses in table.columns
        else [one.get("status") for one in _annotations(table, label)]
    )
    if not responses:
        return of_record
    said = map(state_of, responses)
    records = of_record or [""] * len(responses)
    return [state if state in UNFINISHED else record for state, record in zip(said, records, strict=True)]


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
    if any(
        isinstance(one, dict) and one.keys() & OF_TURNS for cell in cells[:1] if isinstance(cell, list) for one in cell
    ):
        return []
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


def _about_suggestions(table: Table, label: str) -> list[str]:
    """The line about labels that a model suggested to the annotators of Argilla, and how often these disagree with it."""
    responses = f"{label.removesuffix(SUGGESTION)}{RESPONSES}"
    if not label.endswith(SUGGESTION) or label not in table.columns:
        return []
    found = table.column(responses) if responses in table.columns else []
    both = [
        (one, _at(cell, 0)) for one, cell in zip(table.column(label), found, strict=False) if _at(cell, 0) is not None
    ]
    n_apart = sum(one != said for one, said in both)
    also = (
        f"; {n_apart} of {n_of(len(both), 'response')} of annotators in {responses!r} differ from them" if both else ""
    )
    return [f"  the labels of {label!r} are what a model suggested to annotators (as Argilla writes it){also}"]


def _leaves(cell: Any, path: Sequence[str]) -> Iterator[str]:
    """The labels at a path with any number in place of each of its numbers; those of annotations that are none do not count."""
    if isinstance(cell, dict) and (cell.get(CANCELLED) is True or state_of(cell.get("status")) in UNFINISHED):
        return
    if not path:
        if isinstance(cell, str | int):
            yield str(cell)
    elif isinstance(cell, list) and is_whole(path[0]):
        for one in cell:
            yield from _leaves(one, path[1:])
    elif isinstance(cell, dict):
        yield from _leaves(cell.get(path[0]), path[1:])
