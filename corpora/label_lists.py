"""Lists of labels as programs spell them in a cell of text: JSON, Python, NumPy, Java, PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from distune.corpora.literals import container
from distune.corpora.texts import CorpusError

QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
PART = re.compile(rf"\s*({QUOTED}|[^,]*?)\s*(?:,|$)", re.DOTALL)
"""A part between commas; commas within quotation marks belong to it."""
NUMBERS = re.compile(r"[-+.\deE\s]*|(?:True|False|true|false|\s)*")
"""The values that NumPy prints without quotation marks, and with spaces alone between them."""
MAP_VALUE = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|true|false|null|NULL|", re.IGNORECASE)
"""A value of a map whose keys are labels."""
BRACKETS = {"[": "]", "{": "}"}
ZEROS_AND_ONES = frozenset({"0", "1", "0.0", "1.0", "0.", "1.", "False", "True", "false", "true"})


def spelt_list(cell: str) -> Any:
    """The list or object that a cell spells, None if it spells none.

    A list without quotation marks has commas between its labels, as Java's and PostgreSQL's have, so `[customer service]` is one
    label. Here `[late]` is a list of one label. To `cells.labels_of` it is a label in brackets.
    """
    if not cell or cell[-1] not in "]})":
        return None
    inner = cell[1:-1].strip()
    if cell[0] == "[" and not NUMBERS.fullmatch(inner) and not any(sign in inner for sign in ",'\"[]{}"):
        return [inner]
    found = container(cell)
    if isinstance(found, set):
        return sorted(found, key=str)
    if found is not None:
        return found
    if BRACKETS.get(cell[0]) != cell[-1]:
        return None
    parts = [_part(match[1]) for match in PART.finditer(inner) if match[0]]
    return spelt_map(cell) or parts


def spelt_map(cell: str) -> dict[str, str]:
    """The object that a cell spells as Java, Hive and DuckDB print a map, `{late=1, broken=0}`; empty if it spells none."""
    if cell[:1] != "{" or cell[-1:] != "}":
        return {}
    pairs = [match[1].partition("=") for match in PART.finditer(cell[1:-1].strip()) if match[0]]
    if not all(name.strip() and sign and MAP_VALUE.fullmatch(value.strip()) for name, sign, value in pairs):
        return {}
    return {_part(name.strip()): value.strip() for name, _, value in pairs}


def refuse_places(lists: Sequence[Sequence[Any]], file: str) -> None:
    """Raise CorpusError if lists have a 0 or 1 at the place of each label, as scikit-learn's MultiLabelBinarizer writes them.

    All are of one length then. As lists of labels, of which none is named twice, two such labels would be on every text.
    """
    if not lists or len(lists[0]) < 2 or len({len(one) for one in lists}) > 1:
        return
    spelt = [[str(part) for part in one] for one in lists]
    if all(part in ZEROS_AND_ONES for one in spelt for part in one):
        raise CorpusError(
            f"{file}: the labels are lists of {len(lists[0])} zeros and ones, such as {str(list(lists[0]))[:40]}, without the names of "
            "their places: write lists of names, or a column of 0 and 1 for each label (corpus.label_columns)"
        )


def _part(spelt: str) -> str:
    """A part of a list without its quotation marks and the backslashes of its escapes."""
    if len(spelt) > 1 and spelt[0] in "'\"" and spelt[-1] == spelt[0]:
        return re.sub(r"\\(.)", r"\1", spelt[1:-1], flags=re.DOTALL)
    return spelt
