"""Labels in one spelling, where a file has two of a whole number or of a truth value."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from distune.corpora.doubtful_labels import NUMBER

WHOLE_FLOAT = re.compile(r"[+-]?(?:\d+\.0*|\.0+)")
"""A whole number with a stop; SPSS writes 0 as `.00`."""
IN_BRACKETS = re.compile(r"\[([^\[\],'\"]*)\]")
"""A list of one label as DuckDB and Java print it in a cell of CSV."""
TRUTH = frozenset({"true", "false"})


def without_stop(number: str) -> str:
    """A whole number that `WHOLE_FLOAT` fits, without its stop and what follows."""
    before = number.partition(".")[0]
    return before if before.strip("+-") else f"{before}0"


def without_brackets(labels: Sequence[str | None], known: Collection[str], notes: list[str]) -> list[str | None]:
    """The labels without square brackets, if they stand around each of several; `notes` gets that they did.

    `[deleted]` next to other labels is a label, and so is one that is `known`.
    """
    matches = {label: IN_BRACKETS.fullmatch(label) for label in labels if label}
    if len(matches.keys() - {"[]"}) < 2 or not all(matches.values()) or not matches.keys().isdisjoint(known):
        return list(labels)
    inner = {label: match[1].strip() for label, match in matches.items() if match}
    notes.append(
        "  its labels have square brackets around them, as programs print a list of one, and are read without these"
    )
    return [inner[label] if label else label for label in labels]


def in_one_spelling(labels: Sequence[str | None], known: Collection[str]) -> list[str | None]:
    """Labels in one spelling: whole numbers and truth values as `known` has them, which the study names, else in their short form."""
    short = _with_truth_values(_with_whole_numbers(labels))
    by_value: dict[str, set[str]] = {}
    for name in known:
        by_value.setdefault(_value(name), set()).add(name)
    found = []
    for spelt, shorter in zip(labels, short, strict=True):
        alike = by_value.get(_value(spelt), set()) if spelt is not None else set()
        found.append(spelt if spelt in alike else shorter if len(alike) != 1 or shorter in alike else next(iter(alike)))
    return found


def _value(label: str) -> str:
    """The same for two spellings of one whole number, and of one truth value."""
    if WHOLE_FLOAT.fullmatch(label):
        return without_stop(label)
    return label.lower() if label.lower() in TRUTH else label


def _with_whole_numbers(labels: Sequence[str | None]) -> list[str | None]:
    """1.0 as 1, because a program writes whole numbers so if some are missing; 1.0 together with 1.5 does not
    change."""
    distinct = {label for label in labels if label is not None}
    numbers = {label for label in distinct if NUMBER.fullmatch(label)}
    if any(not float(label).is_integer() for label in numbers):
        return list(labels)
    shorter = {label: without_stop(label) for label in numbers if WHOLE_FLOAT.fullmatch(label)}
    return [shorter.get(label, label) if label is not None else None for label in labels]


def _with_truth_values(labels: Sequence[str | None]) -> list[str | None]:
    """True and TRUE as JSON's true, if all labels are truth values."""
    lower = [None if label is None else label.lower() for label in labels]
    return lower if {label for label in lower if label} <= TRUTH else list(labels)
