"""Cells that say of one label whether a text has it: 1 or 0, a truth value, -1, or nothing."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain
from types import NoneType
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
BY_NUMBER: dict[float, bool | None] = {1.0: True, 0.0: False, -1.0: None}
EMPTY, ODD = "empty", "odd"
SIMPLE = (str, int, float, Decimal, NoneType)
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
        name = _name(raw)
        value = truth_of(cell) if isinstance(cell, SIMPLE) else ODD
        if value == EMPTY:
            seen[EMPTY] += 1
            value = False if empty_cell == "no_labels" else None
        elif value is None:
            seen["unknown"] += 1
        if isinstance(value, str):
            raise CorpusError(
                f"{rows.file}: {name!r} of {rows[place]} must be 1 or 0, whether the text has this label, or empty if that is unknown, but got {str(cell)[:40]!r}"
            )
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
    counts = Counter(chain.from_iterable(one.items() for one in said))
    has, lacks, unknown = (
        {name: n for (name, one), n in counts.items() if one is value} for value in (True, False, None)
    )
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
    n_unknown = sum(list(one.values()).count(None) for one in said if set(one.values()) != {None}) if unknown else 0
    if n_unknown:
        notes.append(f"  {n_of(n_unknown, 'label is', 'labels are')} unknown: no loss and no score counts them")
    names = dict.fromkeys(name for name, _ in counts)
    if never := [name for name in names if name in lacks and name not in has]:
        notes.append(f"  no row has {_shown(never)}; a label that no row of the source has is no label of the study")
    if always := [name for name in names if name in has and name in unknown and name not in lacks]:
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


@functools.lru_cache(maxsize=4096, typed=True)
def truth_of(cell: Any) -> bool | str | None:
    """Whether a cell says that a text has a label, None if it says -1; `EMPTY` and `ODD` if it says neither."""
    if is_nothing(cell):
        return EMPTY
    spelt = spelling_of(cell)
    if isinstance(cell, str) and (spelt in MISSING or spelt.upper() in MISSING):
        return EMPTY
    if spelt.casefold() in HAS:
        return HAS[spelt.casefold()]
    try:
        return BY_NUMBER.get(float(spelt), ODD)
    except ValueError:
        return ODD


@functools.lru_cache(maxsize=4096, typed=True)
def _name(raw: Any) -> str:
    return spelling_of(raw)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the label{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:MOST_NAMED]))}{more}"
