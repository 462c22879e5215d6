"""The content of a cell: a text or a label. Any other content is refused, and an empty cell is missing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from distune.corpora.doubtful_labels import (
    NO_LABEL,
    refuse_ids,
    refuse_joined,
    refuse_measure,
    without_minus_one,
)
from distune.corpora.label_lists import spelt_map
from distune.corpora.markers import OF_EXCEL, refuse_objects
from distune.corpora.one_spelling import in_one_spelling, without_brackets
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError, normalise

MISSING = frozenset(
    {
        "",
        "nan",
        "NaN",
        "NAN",
        "-nan",
        "-NaN",
        "NaT",
        "null",
        "NULL",
        "Null",
        "#NULL!",
        "(null)",
        "(NULL)",
        "<null>",
        "<NULL>",
        "\\N",
        "None",
        "NONE",
        "NA",
        "N/A",
        "n/a",
        "#N/A",
        "#NA",
        "<NA>",
        "''",
        '""',
        "[]",
        "{}",
        *OF_EXCEL,
    }
)
"""How programs spell that there is no label; a study's `labels` may name one of them as a class."""
BRACKETS = {"[": "]", "{": "}", "(": ")"}
"""Around lists as JSON, Python, numpy, Java and PostgreSQL spell them."""
QUOTED = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s,]+)""")
UNSEEN = dict.fromkeys([0x200B, 0x2060, 0xFEFF])
"""Characters that nobody sees: spaces of no width."""


class Spelt(Decimal):
    """A number that is shown in the spelling of its file, if a float has another spelling."""

    spelling: str

    def __new__(cls, spelling: str) -> Spelt:
        number = super().__new__(cls, spelling)
        number.spelling = spelling
        return number

    def __str__(self) -> str:
        return self.spelling

    def __reduce__(self) -> tuple[type[Spelt], tuple[str]]:
        return Spelt, (self.spelling,)  # A decimal on its way to another process has a spelling of its own.


def is_nothing(cell: Any) -> bool:
    """Whether a cell is null, or NaN as pandas has it."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def texts_of(cells: Sequence[Any], rows: RowNames) -> list[str]:
    """The text in each cell in its normal form, or an empty text; raises CorpusError for a cell that is no text."""
    # Nearly all cells are such strings, and the name of a row is made only for a message.
    return [
        normalise(cell) if type(cell) is str and "\x00" not in cell else _text(cell, rows.file, rows[place])
        for place, cell in enumerate(cells)
    ]


def _text(cell: Any, name: str, row: str) -> str:
    if isinstance(cell, str | bytes):
        return normalise(_decoded(cell, name, row))
    if is_nothing(cell):
        return ""
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return _number(cell)
    raise CorpusError(f"{name}: the text of {row} is no string but {_kind(cell)}: {str(cell)[:40]}")


def labels_of(
    cells: Sequence[Any],
    rows: RowNames,
    rename: Mapping[str, str],
    named: Collection[str],
    class_names: Sequence[str] = (),
    notes: list[str] | None = None,
) -> list[str | None]:
    """The label in each cell in its own spelling without surrounding white space, or None.

    A list of one label is that label, and a whole float is the whole number if all numbers are whole. `named` are the
    labels that the study names: they are classes whatever they look like, and as they are spelt there. `class_names`
    are those that numbers stand for; `notes` gets the labels that `rename` does not change. Raises CorpusError for
    cells of several labels, for numbers that are no classes, and for what is no label at all.
    """
    notes, name = [] if notes is None else notes, rows.file
    if class_names:
        names = {number: normalise(one) for number, one in enumerate(class_names)}
        spelt = [
            names[cell] if type(cell) is int and cell in names else _class_name(cell, class_names, name, rows[place])
            for place, cell in enumerate(cells)
        ]
    else:
        spelt = without_brackets(_spellings(cells, rows), {*named, *rename}, notes)
    there = tuple(dict.fromkeys(spelt))  # A million rows have a few labels.
    as_known = dict(zip(there, in_one_spelling(there, {*named, *rename}), strict=True))
    if unused := [label for label in rename if label not in as_known.values()]:
        notes.append(f"  `rename` has labels that no row has: {', '.join(map(repr, unused))}")
    renamed = {label: None if now is None else rename.get(now, now) for label, now in as_known.items()}
    known = {*named, *rename.values()}
    final = {label: None if now in MISSING and now not in known else now for label, now in renamed.items()}
    found = [final[label] for label in spelt]
    distinct = Counter(label for label in found if label is not None)
    refuse_objects(distinct, known, name)
    refuse_joined(distinct, known, name)
    if not named:
        refuse_measure(distinct, name)
        refuse_ids(distinct, name)
        return without_minus_one(found, distinct, name)
    return found


def _spellings(cells: Sequence[Any], rows: RowNames) -> list[str | None]:
    of_texts: dict[str, str | None] = {}
    found = []
    for place, cell in enumerate(cells):
        if type(cell) is not str:
            found.append(_spelling(cell, rows.file, rows[place]))
            continue
        if cell not in of_texts:
            of_texts[cell] = _spelling(cell, rows.file, rows[place])
        found.append(of_texts[cell])
    return found


def _spelling(cell: Any, name: str, row: str) -> str | None:
    if is_nothing(cell):
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, Spelt) and Decimal(repr(float(cell))) == cell:
        return _number(float(cell))  # 1.50 is the class 1.5.
    if isinstance(cell, int | float | Decimal):
        return _number(cell)
    if isinstance(cell, str | bytes):
        label = normalise(_decoded(cell, name, row).translate(UNSEEN))
        listed = _listed(label) if len(label) > 2 and BRACKETS.get(label[0]) == label[-1] else None
        return label if listed is None else _spelling(listed, name, row)
    if isinstance(cell, list | tuple):
        return _spelling(_only(cell, name, row), name, row)
    inner = next((str(key) for key in cell), "") if isinstance(cell, dict) else ""
    advice = f"name what is within it by its path, such as `label: COLUMN.{inner}`" if inner else "write it as text"
    raise CorpusError(f"{name}: the label of {row} is {_kind(cell)}, which is no label: {str(cell)[:40]}; {advice}")


def _only(cell: Sequence[Any], name: str, row: str) -> Any:
    """The one label of a list, None of an empty one."""
    if len(cell) > 1:
        raise CorpusError(
            f"{name}: {row} has {len(cell)} labels ({str(cell)[:60]}); set corpus.multi_label: true if a text has several, or keep one "
            "label for each text"
        )
    return cell[0] if cell else None


def spelling_of(cell: Any) -> str:
    """The spelling of a number, a truth value or a text, as a label."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, str):
        return normalise(cell.translate(UNSEEN))
    return _number(cell) if isinstance(cell, int | float | Decimal) else str(cell)


def _listed(label: str) -> Any:
    """The list or object that a cell spells, None for a label in brackets that is none."""
    try:
        value = json.loads(label)
    except ValueError:
        value = None
    if isinstance(value, list | dict):
        return value
    if as_map := spelt_map(label):
        return as_map
    # Python, numpy (which has no commas), Java and PostgreSQL: parts in quotation marks, or between commas or white space.
    inner = label[1:-1]
    parts = ["".join(found).strip() for found in QUOTED.findall(inner)]
    is_spelt_list = len(parts) == 1 and (inner.strip()[:1] in ("'", '"') or label[0] == "{" or parts[0] in MISSING)
    return parts if is_spelt_list or (len(parts) > 1 and _is_list(inner, label[0])) else None


def _is_list(inner: str, bracket: str) -> bool:
    """Whether the content of brackets is a list: parts in quotation marks, or in square or curly ones; `(a b)` is a
    label."""
    return bracket != "(" or inner.strip()[:1] in ("'", '"')


def _number(value: float | Decimal) -> str:
    return f"{value:.1f}" if isinstance(value, float) and value.is_integer() else str(value)


def _decoded(cell: str | bytes, name: str, row: str) -> str:
    try:
        text = cell if isinstance(cell, str) else cell.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{name}: {row} holds bytes that are not UTF-8: {cell[:20]!r}") from error
    if "\x00" in text:
        raise CorpusError(f"{name}: {row} holds a NUL character, which no text has: {text[:20]!r}; the file is damaged")
    return text


def _class_name(cell: Any, class_names: Sequence[str], name: str, row: str) -> str | None:
    if isinstance(cell, list):
        return _class_name(_only(cell, name, row), class_names, name, row)
    if is_nothing(cell) or cell == int(NO_LABEL):
        return None
    if isinstance(cell, str) and cell in class_names:
        return normalise(cell)  # Another program has put the names in place of the numbers.
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # pandas has floats if some are missing.
    if not isinstance(cell, int) or not 0 <= cell < len(class_names):
        raise CorpusError(f"{name}: the label of {row} is {cell}, but the file names {len(class_names)} classes")
    return normalise(class_names[cell])


def _kind(cell: Any) -> str:
    kinds = {bool: "a truth value", dict: "an object", list: "a list", bytes: "bytes"}
    return kinds.get(type(cell), f"a {type(cell).__name__}")
