"""The rows of a corpus: a text with its label, or with its labels. They are all that counting labels imports of the reading of files."""

from __future__ import annotations

from typing import Any, NamedTuple

from distune.corpora.columns import label_sort_key


class LabelSet(NamedTuple):
    """The labels that a text has, sorted, and those of which it is unknown whether it has them. It has no other label."""

    has: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.has) or "no label"


Label = str | LabelSet
"""The label of a text, or its labels if it may have several."""


class Row(NamedTuple):
    """One text in its normal form, with its label, or None if it has none."""

    text: str
    label: Label | None


def sort_key(one: LabelSet) -> tuple[Any, ...]:
    """Sorts sets of labels by their labels."""
    return tuple(map(label_sort_key, one.has)), tuple(map(label_sort_key, one.unknown))
