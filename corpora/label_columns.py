"""Columns that may be the labels of a file, and the columns in which a tool keeps the status of the annotation."""

from __future__ import annotations

from collections import Counter
from typing import Any

from distune.corpora.annotators import CANCELLED, PLATFORMS, STATES, state_of
from distune.corpora.cells import is_nothing
from distune.corpora.prodigy import ANSWERS, COLUMN
from distune.corpora.table_file import Table

MOST_CLASSES = 200
TOOLS_OWN = frozenset(
    {
        *("_annotator_id", "_session_id", "_view_id", "_server_id", "annotator", "annotation_id"),
        *("is_label_issue", "label_quality"),  # What cleanlab says of a label.
        *("HITId", "HITTypeId", "AssignmentId", "WorkerId"),
        *("ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:task_id", "ACCEPT:verdict"),
        *("_unit_id", "_id", "_worker_id", "_channel", "_country", "_region", "_city", "_ip"),
    }
)
"""Columns in which tools and crowd platforms say who annotated, and where."""
TOOLS_ENDINGS = (".responses.users", ".suggestion.agent", ".suggestion.type")
"""How such columns of Argilla end, one set for each question."""


def annotation_states(table: Table) -> dict[str, str]:
    """The columns that hold the status of an annotation and no label: by name, the tool that writes them so."""
    return {name: tool for name in table.columns if (tool := _tool_of_state(table, name))}


def answer_columns(table: Table) -> list[str]:
    """The columns that hold the answers of annotators, in a list for each text: known by the status column next to
    them."""
    states = annotation_states(table)
    return [
        name
        for name in table.columns
        if f"{name}.status" in states or (name == "accept" and states.get(COLUMN) == "Prodigy")
    ]


def label_columns(table: Table, text: str) -> dict[str, int]:
    """The columns, other than that of the texts, that may be labels, with the number of their values: 2 to 200 that come again."""
    states = annotation_states(table)
    names = [
        name for name in table.columns if name not in {text, *states, *TOOLS_OWN} and not name.endswith(TOOLS_ENDINGS)
    ]
    return {name: n for name in names if (n := _n_values(table, name)) is not None}


def about_states(table: Table, text: str, label: str) -> list[str]:
    """The line about labels that are the status of an annotation, if another column may be the labels."""
    tool = _tool_of_state(table, label) if label in table.columns else ""
    others = label_columns(table, text) if tool else {}
    if not others:
        return []
    shown = " or ".join(map(repr, others))
    return [
        f"  its labels are the status of an annotation ({label!r}, as {tool} writes it): is {shown} the column of the labels?"
    ]


def _tool_of_state(table: Table, name: str) -> str:
    if name == COLUMN:
        return "Prodigy" if _has_only(table, name, frozenset(ANSWERS)) else ""
    if name == "status" or name.endswith(".status"):
        return "Argilla" if _has_only(table, name, STATES) else ""
    if name in PLATFORMS:
        return PLATFORMS[name].tool if _has_only(table, name, PLATFORMS[name].states) else ""
    return (
        "Label Studio" if name == CANCELLED and _has_only(table, name, frozenset({"true", "false", "0", "1"})) else ""
    )


def _has_only(table: Table, name: str, values: frozenset[str]) -> bool:
    found = {state_of(one) for cell in table.columns[name] for one in (cell if isinstance(cell, list) else [cell])}
    there = found - {"", "none", "nan"}
    return bool(there) and there <= values


def _n_values(table: Table, name: str) -> int | None:
    """How many values a column has, None if it cannot be one of labels; of lists the first element counts."""
    cells = [_first(cell) for cell in table.columns[name]]
    there = [cell for cell in cells if not is_nothing(cell) and cell != ""]
    if not all(isinstance(cell, str | int | bool) for cell in there):
        return None
    n_values = len(Counter(map(str, there)))
    return n_values if 2 <= n_values <= min(MOST_CLASSES, len(there) // 2) else None


def _first(cell: Any) -> Any:
    if not isinstance(cell, list):
        return cell
    return cell[0] if cell else None
