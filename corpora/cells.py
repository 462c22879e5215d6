"""What a cell of a file says: a text, or a label; what says neither is refused, what says nothing is missing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from distune.corpora.columns import label_sort_key
from distune.corpora.markers import OF_EXCEL, refuse_objects
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
WHOLE_FLOAT = re.compile(r"[+-]?\d+\.0*")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MOST_NUMBERS, MOST_FRACTIONS = 50, 10
"""So many distinct numbers, or numbers that are not whole, are still classes and no measure."""
JOINED_BY = {
    "|": True,
    ";": True,
    "#": False,
    ",": False,
    "，": False,
    "、": False,
    "；": False,
    "/": False,
    "&": False,
    "+": False,
    " ": False,
}
"""What joins several labels in one cell, and whether two cells that share a part are enough to tell."""
BRACKETS = {"[": "]", "{": "}", "(": ")"}
"""Around lists as JSON, Python, numpy, Java and PostgreSQL spell them."""
QUOTED = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s,]+)""")
UNSEEN = dict.fromkeys([0x200B, 0x2060, 0xFEFF])
"""Characters that nobody sees: spaces of no width."""
TRUTH = frozenset({"true", "false"})
FEWEST_ROWS = 20
"""Of so many rows or more, labels that are nearly all distinct are no classes."""
NO_LABEL = "-1"
"""How Hugging Face's data sets write that a text has no label."""


def is_nothing(cell: Any) -> bool:
    """Whether a cell is null, or NaN as pandas has it."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def text_of(cell: Any, name: str, row: int) -> str:
    """The text in a cell in its normal form, empty where there is none; raises CorpusError for what is no text."""
    if isinstance(cell, str | bytes):
        return normalise(_decoded(cell, name, row))
    if is_nothing(cell):
        return ""
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return _number(cell)
    raise CorpusError(f"{name}: the text of row {row} is no string but {_kind(cell)}: {str(cell)[:40]}")


def labels_of(
    cells: Sequence[Any], name: str, rename: Mapping[str, str], named: Collection[str], class_names: Sequence[str] = ()
) -> list[str | None]:
    """The label in each cell as it is spelt without white space around it, None where there is none.

    A list of one label is that label, and a whole float is the whole number where all numbers are whole. `named` are the
    labels that the study names: they are classes whatever they look like. `class_names` are those that numbers stand for.
    Raises CorpusError for cells of several labels, for numbers that are no classes, and for what is no label at all.
    """
    if class_names:
        spelt = [_class_name(cell, class_names, name, row) for row, cell in enumerate(cells, start=1)]
    else:
        spelt = [_spelling(cell, name, row) for row, cell in enumerate(cells, start=1)]
    spelt = _with_truth_values(_with_whole_numbers(spelt))
    spelt = [label if label is None else rename.get(label, label) for label in spelt]
    known = {*named, *rename.values()}
    found = [None if label in MISSING and label not in known else label for label in spelt]
    distinct = Counter(label for label in found if label is not None)
    refuse_objects(distinct, known, name)
    _refuse_joined(distinct, known, name)
    if not named:
        _refuse_measure(distinct, name)
        _refuse_ids(distinct, name)
        return _without_minus_one(found, distinct, name)
    return found


def _spelling(cell: Any, name: str, row: int) -> str | None:
    if is_nothing(cell):
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float | Decimal):
        return _number(cell)
    if isinstance(cell, str | bytes):
        label = normalise(_decoded(cell, name, row).translate(UNSEEN))
        listed = _listed(label) if len(label) > 2 and BRACKETS.get(label[0]) == label[-1] else None
        return label if listed is None else _spelling(listed, name, row)
    if isinstance(cell, list | tuple):
        return _spelling(_only(cell, name, row), name, row)
    raise CorpusError(f"{name}: the label of row {row} is {_kind(cell)}, which is no label: {str(cell)[:40]}")


def _only(cell: Sequence[Any], name: str, row: int) -> Any:
    """The one label of a list, None of an empty one."""
    if len(cell) > 1:
        raise CorpusError(
            f"{name}: row {row} has {len(cell)} labels ({str(cell)[:60]}), and several labels a text are not supported yet; "
            "keep one label for each text"
        )
    return cell[0] if cell else None


def _listed(label: str) -> Any:
    """The list or object that a cell spells, None for a label in brackets that is none."""
    try:
        value = json.loads(label)
    except ValueError:
        value = None
    if isinstance(value, list | dict):
        return value
    # Python, numpy (which has no commas), Java and PostgreSQL: parts in quotation marks, or between commas or white space.
    inner = label[1:-1]
    parts = ["".join(found).strip() for found in QUOTED.findall(inner)]
    is_spelt_list = len(parts) == 1 and (inner.strip()[:1] in ("'", '"') or label[0] == "{" or parts[0] in MISSING)
    return parts if is_spelt_list or (len(parts) > 1 and _is_list(inner, label[0])) else None


def _is_list(inner: str, bracket: str) -> bool:
    """Whether what stands in brackets is a list: parts in quotation marks, or in square or curly ones; `(a b)` is a label."""
    return bracket != "(" or inner.strip()[:1] in ("'", '"')


def _number(value: float | Decimal) -> str:
    return f"{value:.1f}" if isinstance(value, float) and value.is_integer() else str(value)


def _decoded(cell: str | bytes, name: str, row: int) -> str:
    try:
        return cell if isinstance(cell, str) else cell.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{name}: row {row} holds bytes that are not UTF-8: {cell[:20]!r}") from error


def _class_name(cell: Any, class_names: Sequence[str], name: str, row: int) -> str | None:
    if isinstance(cell, list):
        return _class_name(_only(cell, name, row), class_names, name, row)
    if cell is None or cell == int(NO_LABEL):
        return None
    if not isinstance(cell, int) or not 0 <= cell < len(class_names):
        raise CorpusError(f"{name}: the label of row {row} is {cell}, but the file names {len(class_names)} classes")
    return normalise(class_names[cell])


def _with_whole_numbers(labels: Sequence[str | None]) -> list[str | None]:
    """1.0 as 1, as a program writes whole numbers beside missing ones; 1.0 beside 1.5 stays as it is."""
    distinct = {label for label in labels if label is not None}
    numbers = {label for label in distinct if NUMBER.fullmatch(label)}
    if any(not float(label).is_integer() for label in numbers):
        return list(labels)
    shorter = {label: label.split(".")[0] for label in numbers if WHOLE_FLOAT.fullmatch(label)}
    return [shorter.get(label, label) if label is not None else None for label in labels]


def _with_truth_values(labels: Sequence[str | None]) -> list[str | None]:
    """True and TRUE as JSON's true, where all labels are truth values."""
    lower = [None if label is None else label.lower() for label in labels]
    return lower if {label for label in lower if label} <= TRUTH else list(labels)


def _refuse_joined(distinct: Counter[str], known: Collection[str], name: str) -> None:
    """Raise CorpusError where cells join several labels: where their parts are labels by themselves, or come again."""
    for sign, is_enough_to_share in JOINED_BY.items():
        joined = {
            label: [part.strip() for part in label.split(sign)]
            for label in distinct
            if sign in label and label not in known
        }
        parts = Counter(part for found in joined.values() for part in set(found))
        shares = is_enough_to_share or (sign == "," and len(joined) > 1 and 2 * len(joined) >= len(distinct))
        for label, found in joined.items():
            alone = all(part in distinct for part in found)
            if alone or (shares and any(parts[part] > 1 for part in found)):
                raise CorpusError(
                    f"{name}: the label {label!r} looks like several labels, {' and '.join(found)}, which are not supported yet; "
                    "keep one label for each text, or name every class in `labels:` if it is one class"
                )


def _refuse_ids(distinct: Counter[str], name: str) -> None:
    """Raise CorpusError where most rows have a label of their own."""
    n_rows = distinct.total()
    if n_rows >= FEWEST_ROWS and 2 * len(distinct) > n_rows:
        raise CorpusError(
            f"{name}: {n_rows} rows have {len(distinct)} distinct labels, such as {next(iter(distinct))[:30]!r}, which are no classes; "
            "name the column of the labels by `label:`, or all classes in `labels:`"
        )


def _refuse_measure(distinct: Counter[str], name: str) -> None:
    """Raise CorpusError for so many distinct numbers that they are no classes but a measure."""
    if not all(NUMBER.fullmatch(label) for label in distinct):
        return
    values = sorted(float(label) for label in distinct)
    has_fractions = any(not value.is_integer() for value in values)
    if len(values) >= MOST_NUMBERS or (has_fractions and len(values) > MOST_FRACTIONS):
        raise CorpusError(
            f"{name}: the labels are {len(values)} distinct numbers from {values[0]:g} to {values[-1]:g}, which look like a measure "
            "(a regression target) and not like classes; if they are classes, name them all in `labels:`"
        )


def _without_minus_one(labels: Sequence[str | None], distinct: Counter[str], name: str) -> list[str | None]:
    """Labels with -1 as missing where there is no other; beside 0 it may be a class, which the study must say."""
    if NO_LABEL not in distinct or (len(distinct) > 1 and "0" not in distinct):
        return list(labels)
    others = sorted(distinct.keys() - {NO_LABEL}, key=label_sort_key)
    if others:
        raise CorpusError(
            f"{name}: the label -1 ({distinct[NO_LABEL]} rows) may be a class or Hugging Face's sign for no label; name the "
            f"classes: `labels: [{', '.join(others)}]` leaves its rows out, `labels: [-1, {', '.join(others)}]` takes it for one"
        )
    return [None] * len(labels)


def _kind(cell: Any) -> str:
    kinds = {bool: "a truth value", dict: "an object", list: "a list", bytes: "bytes"}
    return kinds.get(type(cell), f"a {type(cell).__name__}")
