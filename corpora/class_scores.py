"""A teacher's numbers as other programs write them: a list in each cell, by the names in it or next to it.

Hugging Face's pipelines sort the classes of every text by their score: the first number is another class's from row to row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.literals import container
from distune.corpora.matrices import Matrix, of_lists
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

BESIDE = ("labels", "classes", "categories", "label_names", "class_names")
"""How columns are called that hold a list of names for the list of numbers in the same row."""
FEWEST_SORTED = 20
"""This many rows in one order are no coincidence."""
BY_NAME = (
    'write a value for each class, as {"CLASS": 0.9, ...}, or the list of their names in each row as a column `labels`'
)


def class_scores(table: Table, column: str, n_classes: int, notes: list[str], is_multi_label: bool = False) -> Matrix:
    """The numbers of a column of lists, or of values by name, `[rows, classes]`; `notes` gets the columns next to them.

    It accepts lists, objects, maps, lists of one label and its score each, and all of these in a list of one. If a
    column of `BESIDE` has a list of names in each row, numbers are matched by them, row by row. If a text has several
    labels, such a column may be these, and then it does not count. Raises CorpusError as `of_lists` does.
    """
    must_have = f"{n_of(n_classes, 'class', 'classes')} in each row, as the corpus has"
    if not isinstance(table.columns[column], list | tuple) and not any(name in table.columns for name in BESIDE):
        return of_lists(table, column, must_have, n_classes)
    read = [
        unwrapped(_spelt(cell), f"{table.name}: {column}, {table.rows[place]}")
        for place, cell in enumerate(table.column(column))
    ]
    _refuse_other_objects(read, table, column, n_classes)
    for beside in BESIDE:
        if beside in table.columns and not any(isinstance(one, Mapping) for one in read):
            read = _named(read, table, column, beside, notes, is_multi_label)
    return of_lists(replace(table, columns={**table.columns, column: read}), column, must_have, n_classes)


def refuse_sorted(values: NDArray[np.float64], name: str, is_multi_label: bool = False) -> None:
    """Raise CorpusError if the numbers `[rows, columns]` of columns without names are sorted in every row, as scores
    of pipelines are."""
    steps = np.diff(values, axis=1)
    orders = {"descending": (steps <= 0).all(), "ascending": (steps >= 0).all()}
    found = next((order for order, is_so in orders.items() if is_so), None)
    if len(values) >= FEWEST_SORTED and steps.any() and found:
        unless = "this teacher gives all texts one class"
        if is_multi_label:  # A label may be a part of the one before it.
            unless = "name the columns, as logit_LABEL or probability_LABEL"
        raise CorpusError(
            f"{name}: the numbers of all {len(values)} rows are in {found} order, as programs sort the classes of each text by their "
            f"score, and do not say which class is which: {BY_NAME}; if they are not sorted, {unless}"
        )


def refuse_unnamed(table: Table, labels: Sequence[str]) -> NoReturn:
    """Raise CorpusError for a file without logits by the names that they must have, and say which of its columns may
    be the logits."""
    columns = ", ".join(table.columns)
    needs = f"{table.name}: no logits: needs a list column logits or probabilities, or columns logit_LABEL or probability_LABEL"
    if named := named_as_classes(list(table.columns), labels):
        probabilities, logits = (", ".join(f"{kind}_{label}" for label in labels) for kind in ("probability", "logit"))
        raise CorpusError(
            f"{needs}; its columns {', '.join(named)} are named as the classes: call them {probabilities}, or {logits} if they are logits"
        )
    for name in table.columns:
        cells = table.column(name)
        if cells and all(_is_scores(unwrapped(_spelt(cell), name)) for cell in cells):
            raise CorpusError(
                f"{needs}; its column {name} has numbers for each class: call it probabilities, or logits if they are logits"
            )
    raise CorpusError(f"{needs}; its columns are {columns}")


def named_as_classes(columns: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The columns whose names are the classes, with one word before or after all of them or none; otherwise nothing."""
    by_key = {column.casefold(): column for column in columns}
    keys = [label.casefold() for label in labels]
    for key in by_key:
        before, behind = key.removesuffix(keys[0]), key.removeprefix(keys[0])
        for found in ([f"{before}{one}" for one in keys], [f"{one}{behind}" for one in keys]):
            if key in found and all(one in by_key for one in found):
                return [by_key[one] for one in found]
    return []


def _is_scores(cell: Any) -> bool:
    values = list(cell.values()) if isinstance(cell, Mapping) else cell
    return (
        isinstance(values, list)
        and len(values) > 1
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    )


def _spelt(cell: Any) -> Any:
    """The list or object that a cell of CSV spells as JSON, Python or numpy do; any other cell as it is."""
    found = container(cell) if isinstance(cell, str) else None
    return cell if found is None else found


def unwrapped(cell: Any, where: str) -> Any:
    """A cell without the list of one around it; the pairs of a map, and labels with a score each, as values by name."""
    while isinstance(cell, list | tuple) and len(cell) == 1 and isinstance(cell[0], list | tuple):
        cell = cell[0]
    if not isinstance(cell, list | tuple) or not cell:
        return cell
    pairs: list[tuple[str, Any]] = []
    for one in cell:
        if isinstance(one, Mapping) and len(one) == 2 and "label" in one:
            pairs.append((str(one["label"]), next(value for key, value in one.items() if key != "label")))
        elif isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str):
            pairs.append((one[0], one[1]))  # As pyarrow reads a map.
    if len(pairs) < len(cell):
        return list(cell)
    if len(dict(pairs)) < len(pairs):
        raise CorpusError(f"{where}: a label occurs twice in {str(cell)[:60]}")
    return dict(pairs)


def _refuse_other_objects(read: Sequence[Any], table: Table, column: str, n_classes: int) -> None:
    """Raise CorpusError for scores of tokens, and for scores of the likeliest class alone."""
    for place, cell in enumerate(read):
        first = cell[0] if isinstance(cell, list | tuple) and cell else cell
        if not isinstance(first, Mapping):
            continue
        where = f"{table.name}: {column}, {table.rows[place]}"
        if {"token", "logprob"} <= first.keys():
            raise CorpusError(
                f"{where}: has log-probabilities of the tokens that a language model writes "
                f"({', '.join(first)}), not of the classes; {BY_NAME}"
            )
        if first.keys() == {"label", "score"} or (len(first) == 1 < n_classes and cell is first):
            raise CorpusError(
                f"{where}: has the score of one class alone ({str(first)[:60]}); a pipeline of transformers gives "
                "all of them with top_k=None"
            )


def _named(
    read: Sequence[Any], table: Table, column: str, beside: str, notes: list[str], is_multi_label: bool
) -> list[Any]:
    """Lists of numbers as values by the names in the column `beside`; unchanged if those are no such names.

    Lists that are no names, or other ones from row to row, may be the labels of texts that have several.
    """
    names = [_spelt(cell) for cell in table.column(beside)]
    fits = [
        _are_names(one) and isinstance(cell, list | tuple) and len(one) == len(cell)
        for one, cell in zip(names, read, strict=True)
    ]
    may_be_labels = is_multi_label and not (all(fits) and len({frozenset(map(str, one)) for one in names}) == 1)
    if may_be_labels or 2 * sum(fits) <= len(fits):
        return list(read)
    if not all(fits):
        odd = fits.index(False)
        raise CorpusError(
            f"{table.name}: {beside} has the names of the numbers in {column}, but {table.rows[odd]} has {str(names[odd])[:60]} for "
            f"{str(read[odd])[:60]}; give every row a name for each number"
        )
    orders = {tuple(map(str, one)) for one in names}
    if len(orders) > 1 and all(set(one) == {"0", "1"} for one in orders):
        raise CorpusError(
            f"{table.name}: {beside} may have the names of the numbers in {column}, or a 1 at the class of the text; rename it if it "
            f"is the class, or {BY_NAME}"
        )
    notes.append(f"the numbers of {column} are matched by the names in {beside}, row by row")
    return [dict(zip(map(str, one), cell, strict=True)) for one, cell in zip(names, read, strict=True)]


def _are_names(cell: Any) -> bool:
    return (
        isinstance(cell, list | tuple)
        and len(cell) > 1
        and all(isinstance(one, str | int) and not isinstance(one, bool) for one in cell)
        and len({str(one) for one in cell}) == len(cell)
    )
