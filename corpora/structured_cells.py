"""Cells that are a list or an object, or a text that spells one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from distune.corpora.cells import MISSING
from distune.corpora.label_lists import spelt_list
from distune.corpora.texts import normalise

CHOICES = "choices"
"""The key under which Label Studio keeps the list of labels."""


def structured_cells(cells: Sequence[Any], separator: str | None, known: Collection[str]) -> list[Any]:
    """The list or object of each cell; many cells have the same text, which is read once."""
    of_texts = {cell: _structured(cell, separator, known) for cell in {one for one in cells if isinstance(one, str)}}
    return [of_texts[cell] if isinstance(cell, str) else _structured(cell, separator, known) for cell in cells]


def _structured(cell: Any, separator: str | None, known: Collection[str]) -> Any:
    """The list or object of a cell, also one that its text spells."""
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    if isinstance(cell, str):
        text = normalise(cell)
        spelt = None if text in known else spelt_list(text)
        if spelt is None and separator is not None and (text not in MISSING or text in known):
            return [part for raw in text.split(separator) if (part := raw.strip())]
        cell = text if spelt is None else spelt
    if isinstance(cell, list) and cell and all(isinstance(one, tuple) and len(one) == 2 for one in cell):
        cell = dict(cell)  # As pyarrow reads a map.
    if isinstance(cell, Mapping) and list(cell) == [CHOICES]:
        return cell[CHOICES]
    return cell


def is_list(cell: Any) -> bool:
    """Whether a cell is a list by itself, and not labels between separators."""
    return not isinstance(cell, str | bytes) or cell[-1:] in ("]", "}", ")", b"]", b"}", b")")
