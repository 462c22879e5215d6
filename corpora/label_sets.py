"""The labels of a text that has several of them, or none: read from lists, from joined cells, from objects, or from columns of 0 and 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from distune._plural import n_of
from distune.corpora.cells import MISSING, in_one_spelling, is_nothing, spelling_of, spelt_list
from distune.corpora.columns import label_sort_key
from distune.corpora.doubtful_labels import JOINED_BY, NO_LABEL, refuse_joined
from distune.corpora.label_cells import LabelCellsConfig
from distune.corpora.literals import literal
from distune.corpora.markers import refuse_objects
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError, normalise

CHOICES = "choices"
"""The key under which Label Studio keeps the list of labels."""
HAS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
"""How columns say that a text has their label, or has not."""


class LabelSet(NamedTuple):
    """The labels that a text has, sorted, and those of which it is unknown whether it has them. It has no other label."""

    has: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.has) or "no label"


def sets_of_lists(
    cells: Sequence[Any],
    rows: RowNames,
    how: LabelCellsConfig,
    rename: Mapping[str, str],
    named: Collection[str],
    class_names: Sequence[str],
) -> list[LabelSet | None]:
    """The labels in each cell of a column, None if the cell says nothing.

    A cell is a list of labels, the spelling of one by a program, an object that says of each label whether the text has
    it, or with `separator` a text of joined labels. `empty_cell` says what an empty text means. Raises CorpusError for any
    other cell, for an empty text without `empty_cell`, and for a label that looks like several.
    """
    found: list[LabelSet | None] = []
    for place, cell in enumerate(cells):
        one = _structured(cell, how.separator)
        if is_nothing(one):
            found.append(None)
        elif isinstance(one, Mapping):
            found.append(_set_of({str(name): _truth(value, rows, place, name) for name, value in one.items()}))
        elif isinstance(one, str) and one in MISSING:
            found.append(_empty(how.empty_cell, rows, place, one))
        elif isinstance(one, list | tuple):
            found.append(_listed(one, rows, place, class_names))
        else:
            _refuse_sign(one, rows, place, named)
            found.append(_listed([one], rows, place, class_names))
    known = {*named, *rename.values()}
    found = _in_one_spelling(found, rename, named)
    distinct = Counter(label for one in found if one is not None for label in one.has)
    refuse_objects(distinct, known, rows.file)
    refuse_joined(distinct, known, rows.file, several=True)
    return found


def _in_one_spelling(
    sets: Sequence[LabelSet | None], rename: Mapping[str, str], named: Collection[str]
) -> list[LabelSet | None]:
    """The sets with 1.0 as 1, and renamed, as labels are where a text has one."""
    there = list(dict.fromkeys(label for one in sets if one is not None for part in one for label in part))
    spelt = {
        label: rename.get(str(now), str(now))
        for label, now in zip(there, in_one_spelling(there, {*named, *rename}), strict=True)
    }
    return [
        None if one is None else LabelSet(*(_sorted([spelt[label] for label in part]) for part in one)) for one in sets
    ]


def sets_of_columns(
    columns: Mapping[str, Sequence[Any]], rows: RowNames, rename: Mapping[str, str], notes: list[str]
) -> list[LabelSet | None]:
    """The labels of each row from columns of 0 and 1, each named as its label; None if all of them are unknown.

    An empty cell and -1 mean that it is unknown whether the text has the label. Raises CorpusError for any other cell.
    """
    n_minus = 0
    found: list[LabelSet | None] = []
    for place, cells in enumerate(zip(*columns.values(), strict=True)):
        said = {name: _truth(cell, rows, place, name) for name, cell in zip(columns, cells, strict=True)}
        n_minus += sum(spelling_of(cell) == NO_LABEL for cell in cells if not is_nothing(cell))
        one = _set_of({rename.get(label, label): value for label, value in said.items()})
        found.append(None if len(one.unknown) == len(columns) else one)
    if n_minus:
        notes.append(f"  {n_of(n_minus, 'cell is', 'cells are')} -1, which is taken for unknown, as an empty cell is")
    n_unknown = sum(len(one.unknown) for one in found if one is not None)
    if n_unknown:
        notes.append(f"  {n_of(n_unknown, 'label is', 'labels are')} unknown: no loss and no score counts them")
    return found


def sort_key(one: LabelSet) -> tuple[Any, ...]:
    """Sorts sets of labels by their labels."""
    return tuple(map(label_sort_key, one.has)), tuple(map(label_sort_key, one.unknown))


def _structured(cell: Any, separator: str | None) -> Any:
    """The list or object of a cell, also one that its text spells."""
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    if isinstance(cell, str):
        text = normalise(cell)
        spelt = literal(text) if text[:1] == "{" else None
        if not isinstance(spelt, Mapping):
            spelt = spelt_list(text)
        if spelt is None and separator is not None and text not in MISSING:
            return [part for raw in text.split(separator) if (part := raw.strip())]
        cell = text if spelt is None else spelt
    if isinstance(cell, Mapping) and list(cell) == [CHOICES]:
        return cell[CHOICES]
    return cell


def _refuse_sign(cell: Any, rows: RowNames, place: int, named: Collection[str]) -> None:
    """Raise CorpusError for a text with a sign that joins labels if the study names no separator."""
    sign = next((sign for sign in JOINED_BY if sign in str(cell) and not sign.isspace()), None)
    if sign is not None and cell not in named:
        raise CorpusError(
            f'{rows.file}: the labels of {rows[place]} are the text {str(cell)[:40]!r}: set corpus.separator: "{sign}" if these are '
            "several, or name every label in `labels:` if this is one"
        )


def _listed(cell: Sequence[Any], rows: RowNames, place: int, class_names: Sequence[str]) -> LabelSet:
    names = []
    for one in cell:
        if isinstance(one, Mapping | list | tuple) or is_nothing(one):
            raise CorpusError(
                f"{rows.file}: the labels of {rows[place]} must be a list of names, but got {str(cell)[:60]}"
            )
        name = _class_name(one, rows, place, class_names) if class_names else spelling_of(one)
        if name in MISSING:
            raise CorpusError(
                f"{rows.file}: {rows[place]} has the label {name!r}, which is how programs spell that there is none"
            )
        names.append(name)
    return LabelSet(_sorted(names))


def _class_name(one: Any, rows: RowNames, place: int, class_names: Sequence[str]) -> str:
    if isinstance(one, str) and one in class_names:
        return normalise(one)
    if isinstance(one, float) and one.is_integer():
        one = int(one)
    if type(one) is not int or not 0 <= one < len(class_names):
        raise CorpusError(
            f"{rows.file}: a label of {rows[place]} is {one}, but the file names {len(class_names)} classes"
        )
    return normalise(class_names[one])


def _empty(empty_cell: str | None, rows: RowNames, place: int, cell: str) -> LabelSet | None:
    if empty_cell is None:
        raise CorpusError(
            f"{rows.file}: the labels of {rows[place]} are an empty cell ({cell!r}), which may mean that the text has no label, or "
            "that nobody has labelled it; set corpus.empty_cell to `no_labels` or to `unknown`, which leaves such rows out"
        )
    return LabelSet(()) if empty_cell == "no_labels" else None


def _truth(cell: Any, rows: RowNames, place: int, name: object) -> bool | None:
    """Whether a cell of 0 or 1 says that the text has a label; None if it says nothing."""
    if is_nothing(cell):
        return None
    spelt = spelling_of(cell).casefold()
    spelt = spelt.removesuffix(".0") if spelt in ("0.0", "1.0", "-1.0") else spelt
    if spelt == NO_LABEL or spelt.upper() in MISSING or spelt in MISSING:
        return None
    if spelt not in HAS:
        raise CorpusError(
            f"{rows.file}: {name!r} of {rows[place]} must be 1 or 0, whether the text has this label, or empty if that is unknown, but got {str(cell)[:40]!r}"
        )
    return HAS[spelt]


def _set_of(said: Mapping[str, bool | None]) -> LabelSet:
    has = [name for name, value in said.items() if value]
    return LabelSet(_sorted(has), _sorted([name for name, value in said.items() if value is None]))


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(names), key=label_sort_key))
