"""The labels of a text that has several of them, or none: read from lists, from joined cells, from objects, or from columns of 0 and 1."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from distune._plural import n_of
from distune.corpora.cells import MISSING, is_nothing, spelling_of
from distune.corpora.columns import label_sort_key
from distune.corpora.doubtful_labels import JOINED_BY, refuse_ids_of_several, refuse_joined
from distune.corpora.label_cells import LabelCellsConfig
from distune.corpora.label_lists import refuse_places
from distune.corpora.label_truths import Truths, notes_of_truths, renamed, truths
from distune.corpora.markers import doubtful_labels, refuse_objects
from distune.corpora.one_spelling import in_one_spelling
from distune.corpora.row_names import RowNames
from distune.corpora.rows import LabelSet
from distune.corpora.structured_cells import is_list, structured_cells
from distune.corpora.texts import CorpusError, normalise


class Spellings(NamedTuple):
    """The spellings of labels in a study: the other name of some, and the names that are labels whatever they look like."""

    rename: Mapping[str, str]
    named: Collection[str]


def sets_of_lists(
    cells: Sequence[Any],
    rows: RowNames,
    how: LabelCellsConfig,
    spellings: Spellings,
    class_names: Sequence[str],
    notes: list[str],
) -> list[LabelSet | None]:
    """The labels in each cell of a column, None if the cell says nothing.

    A cell is a list of labels, the spelling of one by a program, an object that says of each label whether the text has
    it, or with `separator` a text of joined labels. `empty_cell` says what an empty cell means. Raises CorpusError for any
    other cell, for an empty text without `empty_cell`, for a list of zeros and ones, and for a label that looks like
    several.
    """
    rename, named = spellings
    known = {*named, *rename, *rename.values()}
    read = structured_cells(cells, how.separator, known)
    refuse_places([one for one in read if isinstance(one, list | tuple)], rows.file)
    found: list[LabelSet | None] = []
    said: list[Truths] = []
    seen: Counter[str] = Counter()
    for place, one in enumerate(read):
        if is_nothing(one):
            found.append(LabelSet(()) if how.empty_cell == "no_labels" else None)
        elif isinstance(one, Mapping):
            said.append(truths(one, rows, place, how.empty_cell, seen))
            found.append(_set_of(said[-1]))
        elif isinstance(one, str) and one in MISSING and one not in known:
            found.append(_empty(how.empty_cell, rows, place, one))
        else:
            if not isinstance(one, list | tuple):
                _refuse_sign(one, rows, place, named)
            found.append(_listed(one if isinstance(one, list | tuple) else [one], rows, place, class_names, known))
    notes += notes_of_truths(said, seen, how.empty_cell, rows.file)
    found = _in_one_spelling(found, rename, named, notes)
    distinct = Counter(label for one in found if one is not None for label in one.has)
    _refuse_other_labels(distinct, read, cells, {*named, *rename.values()}, rows.file)
    if not named:
        refuse_ids_of_several(distinct, rows.file)
    notes += [*_about_separator(cells, how.separator), *_about_names(found, {*named, *rename.values()})]
    return found


def _refuse_other_labels(
    distinct: Counter[str], read: Sequence[Any], cells: Sequence[Any], known: Collection[str], file: str
) -> None:
    """Raise CorpusError for what a program prints of an object, and for joined labels.

    If a list has several labels, a sign in one of them joins nothing.
    """
    refuse_objects(distinct, known, file)
    apart = {
        spelling_of(part)
        for one, cell in zip(read, cells, strict=True)
        if isinstance(one, list | tuple) and is_list(cell)
        for part in one
    }
    several = any(
        isinstance(one, list | tuple) and len(one) > 1 and is_list(cell) for one, cell in zip(read, cells, strict=True)
    )
    refuse_joined(distinct, {*known, *apart} if several else known, file, several=True)


def _in_one_spelling(
    sets: Sequence[LabelSet | None], rename: Mapping[str, str], named: Collection[str], notes: list[str]
) -> list[LabelSet | None]:
    """The sets with 1.0 as 1, and renamed, as labels are where a text has one."""
    there = list(dict.fromkeys(label for one in sets if one is not None for part in one for label in part))
    as_known = dict(zip(there, map(str, in_one_spelling(there, {*named, *rename})), strict=True))
    spelt = {label: rename.get(now, now) for label, now in as_known.items()}
    notes += _unused(rename, as_known.values())
    found: list[LabelSet | None] = []
    for one in sets:
        if one is None:
            found.append(None)
            continue
        has = {spelt[label] for label in one.has}
        found.append(LabelSet(_sorted(has), _sorted({spelt[label] for label in one.unknown} - has)))
    return found


def sets_of_columns(
    columns: Mapping[str, Sequence[Any]],
    rows: RowNames,
    rename: Mapping[str, str],
    notes: list[str],
    empty_cell: str | None = None,
) -> list[LabelSet | None]:
    """The labels of each row from columns of 0 and 1, each named as its label; None if all of them are unknown.

    An empty cell and -1 mean that it is unknown whether the text has the label; with `no_labels` for `empty_cell`, an empty
    cell means that it has not. Raises CorpusError for any other cell.
    """
    seen: Counter[str] = Counter()
    said: list[Truths] = [
        truths(dict(zip(columns, cells, strict=True)), rows, place, empty_cell, seen)
        for place, cells in enumerate(zip(*columns.values(), strict=True))
    ]
    if rename:
        said = [renamed(one, rename) for one in said]
    notes += notes_of_truths(said, seen, empty_cell, rows.file)
    notes += _unused(rename, columns)
    return [_set_of(one) for one in said]


def refuse_rows_of_one_label(rows: Sequence[tuple[str, LabelSet]], file: str) -> None:
    """Raise CorpusError for a table with a row for each label of a text: no row has several, and texts come again with another."""
    if any(len(labels.has) > 1 for _, labels in rows):
        return
    first: dict[str, LabelSet] = {}
    others = {text for text, labels in rows if first.setdefault(text, labels).has != labels.has}
    if others:
        raise CorpusError(
            f"{file}: no row has several labels, and {n_of(len(others), 'text has', 'texts have')} several rows with different ones, such as "
            f"{min(others)[:30]!r}: put all labels of a text into one row, or set multi_label: false if a text has one"
        )


def _refuse_sign(cell: Any, rows: RowNames, place: int, named: Collection[str]) -> None:
    """Raise CorpusError for a text with a sign that joins labels if the study names no separator."""
    sign = next((sign for sign in JOINED_BY if sign in str(cell) and sign != " "), None)
    if sign is not None and cell not in named:
        raise CorpusError(
            f"{rows.file}: the labels of {rows[place]} are the text {str(cell)[:40]!r}: set corpus.separator: {json.dumps(sign, ensure_ascii=False)} if these are "
            "several, or name every label in `labels:` if this is one"
        )


def _listed(
    cell: Sequence[Any], rows: RowNames, place: int, class_names: Sequence[str], known: Collection[str]
) -> LabelSet:
    names = []
    for one in cell:
        if isinstance(one, Mapping | list | tuple) or is_nothing(one):
            within = "; a list within a list is read by its path, as in `label: COLUMN.0`" if _is_within(cell) else ""
            if isinstance(one, Mapping):
                within = "; write the name of each label in place of its object"
            raise CorpusError(
                f"{rows.file}: the labels of {rows[place]} must be a list of names, but got {str(cell)[:60]}{within}"
            )
        name = _class_name(one, rows, place, class_names) if class_names else spelling_of(one)
        if name in MISSING and name not in known:
            raise CorpusError(
                f"{rows.file}: {rows[place]} has the label {name!r}, which is how programs spell that there is none; name every label in "
                "`labels:` if it is one"
            )
        names.append(name)
    return LabelSet(_sorted(names))


def _is_within(cell: Sequence[Any]) -> bool:
    return len(cell) == 1 and isinstance(cell[0], list | tuple)


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


def _set_of(said: Truths) -> LabelSet | None:
    """The set of labels, None if nothing is known of any."""
    if said and all(value is None for value in said.values()):
        return None
    has = [name for name, value in said.items() if value]
    return LabelSet(_sorted(has), _sorted([name for name, value in said.items() if value is None]))


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(names), key=label_sort_key))


def _about_separator(cells: Sequence[Any], separator: str | None) -> list[str]:
    if separator is None or any(isinstance(cell, str) and separator in cell for cell in cells):
        return []
    return [f"  no cell has the separator {separator!r}: no text has several labels, unless a list says so"]


def _unused(rename: Mapping[str, str], there: Collection[str]) -> list[str]:
    unused = [name for name in rename if name not in there]
    return [f"  `rename` has labels that no row has: {', '.join(map(repr, unused))}"] if unused else []


def _about_names(sets: Sequence[LabelSet | None], known: Collection[str]) -> list[str]:
    """The lines about labels that may say that a text has none."""
    alone = [one.has[0] for one in sets if one is not None and len(one.has) == 1]
    together = {name for one in sets if one is not None and len(one.has) > 1 for name in one.has}
    return doubtful_labels([name for name in alone if name not in together], known, several=True)
