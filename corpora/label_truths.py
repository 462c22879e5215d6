"""Cells that say of one label whether a text has it: 1 or 0, a truth value, -1, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from distune._plural import n_of
from distune.corpora.cells import MISSING, is_nothing, spelling_of
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError

HAS = {
    **dict.fromkeys(("1", "true", "yes", "t", "y"), True),
    **dict.fromkeys(("0", "false", "no", "f", "n"), False),
}
"""How programs say that a text has a label, or has not; PostgreSQL writes t and f."""
BY_NUMBER = {1.0: True, 0.0: False, -1.0: None}
MOST_NAMED = 5
"""How many labels a line names."""
Truths = Mapping[str, bool | None]
"""Whether a text has each label, None if that is unknown."""


def truths(
    cells: Mapping[str, Any], rows: RowNames, place: int, empty_cell: str | None, seen: Counter[str]
) -> dict[str, bool | None]:
    """Whether a row says of each label that the text has it; `seen` counts what the cells look like.

    Raises CorpusError for a cell that says anything else.
    """
    said: dict[str, bool | None] = {}
    for raw, cell in cells.items():
        name = spelling_of(raw)
        if _is_empty(cell):
            seen["empty"] += 1
            value = False if empty_cell == "no_labels" else None
        else:
            value = _truth(cell, rows, place, name)
            seen["unknown" if value is None else "known"] += 1
        # Two columns that are renamed to one label: a text has it if one of them says so.
        said[name] = value if name not in said else _either(said[name], value)
    return said


def renamed(said: Truths, names: Mapping[str, str]) -> dict[str, bool | None]:
    """The same of labels by their new names; a text has a label if one of its old names says so."""
    found: dict[str, bool | None] = {}
    for name, value in said.items():
        new = names.get(name, name)
        found[new] = value if new not in found else _either(found[new], value)
    return found


def notes_of_truths(said: Sequence[Truths], seen: Counter[str], empty_cell: str | None, file: str) -> list[str]:
    """The lines about cells that are unknown or empty, and about labels that no row has.

    Raises CorpusError if the cells hold 1 or nothing: then no text is known to be without any label.
    """
    has = Counter(name for one in said for name, value in one.items() if value)
    lacks = Counter(name for one in said for name, value in one.items() if value is False)
    unknown = Counter(name for one in said for name, value in one.items() if value is None)
    if has and unknown and not lacks and all(len(one) == len(said[0]) for one in said):
        raise CorpusError(
            f"{file}: the labels are 1 or unknown, and never 0, so that no text is known to be without any of them; set corpus.empty_cell: "
            "no_labels if an empty cell means 0"
        )
    notes = []
    if seen["unknown"]:
        notes.append(
            f"  {n_of(seen['unknown'], 'cell is', 'cells are')} -1, which is taken for unknown, as an empty cell is"
        )
    if seen["empty"] and empty_cell == "no_labels":
        notes.append(f"  {n_of(seen['empty'], 'empty cell is', 'empty cells are')} taken for 0 (corpus.empty_cell)")
    # A row of which nothing is known is left out or refused.
    n_unknown = sum(sum(value is None for value in one.values()) for one in said if set(one.values()) != {None})
    if n_unknown:
        notes.append(f"  {n_of(n_unknown, 'label is', 'labels are')} unknown: no loss and no score counts them")
    names = dict.fromkeys(name for one in said for name in one)
    if never := [name for name in names if not has[name] and lacks[name]]:
        notes.append(f"  no row has {_shown(never)}; a label that no row of the source has is no label of the study")
    if always := [name for name in names if not lacks[name] and unknown[name] and has[name]]:
        notes.append(f"  no text is known to be without {_shown(always)}")
    n_short = sum(len(one) < len(names) for one in said)
    if n_short:
        notes.append(
            f"  {n_of(n_short, 'object does', 'objects do')} not name all of {n_of(len(names), 'label')}; a label that an object does "
            "not name is one that its text has not"
        )
    return notes


def _either(one: bool | None, other: bool | None) -> bool | None:
    return True if one or other else None if one is None or other is None else False


def _is_empty(cell: Any) -> bool:
    if is_nothing(cell):
        return True
    spelt = spelling_of(cell) if isinstance(cell, str) else ""
    return isinstance(cell, str) and (spelt in MISSING or spelt.upper() in MISSING)


def _truth(cell: Any, rows: RowNames, place: int, name: str) -> bool | None:
    spelt = spelling_of(cell).casefold()
    if spelt in HAS:
        return HAS[spelt]
    try:
        return BY_NUMBER[float(spelt)]
    except (ValueError, KeyError) as error:
        raise CorpusError(
            f"{rows.file}: {name!r} of {rows[place]} must be 1 or 0, whether the text has this label, or empty if that is unknown, but got {str(cell)[:40]!r}"
        ) from error


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the label{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:MOST_NAMED]))}{more}"
