"""Labels that may be none: several joined in one cell, ids, measures, and -1."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence

from distune._plural import n_of
from distune.corpora.columns import label_sort_key
from distune.corpora.texts import CorpusError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MOST_NUMBERS, MOST_FRACTIONS = 50, 10
"""Up to this many distinct numbers, or numbers that are not whole, are classes and not a measurement."""
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,0+")
"""A whole number as SPSS and Excel write it where a comma begins the fraction."""
JOINED_BY = {
    "\n": True,
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
"""The signs that join several labels in one cell, and whether two cells with a common part are enough evidence."""
FEWEST_ROWS = 20
"""In a file with at least this many rows, labels that are nearly all distinct are no classes."""
NO_LABEL = "-1"
"""How Hugging Face's data sets write that a text has no label."""


def refuse_joined(distinct: Counter[str], known: Collection[str], name: str, several: bool = False) -> None:
    """Raise CorpusError if cells join several labels: their parts are labels by themselves, or recur.

    `several` says that the study reads several labels a text.
    """
    found = _joined(distinct, known)
    if found is not None:
        sign, label, parts = found
        if all(DECIMAL_COMMA.fullmatch(one) for one in distinct):
            raise CorpusError(
                f"{name}: the labels are numbers with a decimal comma, such as {label!r}: write them with a stop or as whole numbers, or name "
                "every class in `labels:`"
            )
        raise CorpusError(
            f"{name}: the label {label!r} looks like several labels, {' and '.join(parts)}; {_advice(sign, several)}, or name every "
            "class in `labels:` if it is one class"
        )


def joining_sign(distinct: Counter[str]) -> str:
    """The sign by which cells join several labels; "" if they do not."""
    found = _joined(distinct, ())
    return "" if found is None else found[0]


def _joined(distinct: Counter[str], known: Collection[str]) -> tuple[str, str, list[str]] | None:
    """A sign that joins labels, a cell that has it, and its parts: labels by themselves, or parts that recur."""
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
                return sign, label, found
    return None


def _advice(sign: str, several: bool) -> str:
    separator = f"set corpus.separator: {json.dumps(sign, ensure_ascii=False)}"
    return separator if several else f"{separator} if a text has several labels, keep one label for each text if not"


def refuse_ids(distinct: Counter[str], name: str) -> None:
    """Raise CorpusError if most rows have a label of their own."""
    n_rows = distinct.total()
    if n_rows >= FEWEST_ROWS and 2 * len(distinct) > n_rows:
        raise CorpusError(
            f"{name}: {n_rows} rows have {len(distinct)} distinct labels, such as {next(iter(distinct))[:30]!r}, which are no classes; "
            "name the column of the labels by `label:`, or all classes in `labels:`"
        )


def refuse_ids_of_several(distinct: Counter[str], name: str) -> None:
    """Raise CorpusError if most labels of texts that may have several are of one text each."""
    n_labels = distinct.total()
    if n_labels >= FEWEST_ROWS and 2 * len(distinct) > n_labels:
        raise CorpusError(
            f"{name}: its rows have {len(distinct)} distinct labels, such as {next(iter(distinct))[:30]!r}, most of them in one row alone, which "
            "are no classes; name the column of the labels by `label:`, or all labels in `labels:`"
        )


def refuse_measure(distinct: Counter[str], name: str) -> None:
    """Raise CorpusError for too many distinct numbers: they are a measurement and no classes."""
    if not all(NUMBER.fullmatch(label) for label in distinct):
        return
    values = sorted(float(label) for label in distinct)
    has_fractions = any(not value.is_integer() for value in values)
    if len(values) >= MOST_NUMBERS or (has_fractions and len(values) > MOST_FRACTIONS):
        raise CorpusError(
            f"{name}: the labels are {len(values)} distinct numbers from {values[0]:g} to {values[-1]:g}, which look like a measure "
            "(a regression target) and not like classes; if they are classes, name them all in `labels:`"
        )


def without_minus_one(labels: Sequence[str | None], distinct: Counter[str], name: str) -> list[str | None]:
    """Labels with -1 as missing if it is the only one. Together with 0 it may be a class, and the study must say so."""
    if NO_LABEL not in distinct or (len(distinct) > 1 and "0" not in distinct):
        return list(labels)
    others = sorted(distinct.keys() - {NO_LABEL}, key=label_sort_key)
    if others:
        raise CorpusError(
            f"{name}: the label -1 ({n_of(distinct[NO_LABEL], 'row')}) may be a class or Hugging Face's sign for no label; name the "
            f"classes: `labels: [{', '.join(others)}]` leaves its rows out, `labels: [-1, {', '.join(others)}]` takes it for one"
        )
    return [None] * len(labels)
