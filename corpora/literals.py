"""Values that a cell of text spells as JSON or Python do, or as numpy prints them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
ITEM = re.compile(rf"{QUOTED}|[^\s,\[\](){{}}'\"]+", re.DOTALL)
BY_SPACES = re.compile(rf"\[+\s*(?P<items>(?:{ITEM.pattern})(?:\s+(?:{ITEM.pattern}))*)?\s*\]+", re.DOTALL)
"""A list as numpy prints it: without commas, one of a single row within a second pair of brackets."""
SCALAR = re.compile(rf"\b(?:np|numpy)\.(?:str_|bool_?|u?int\d*|float\d+)\(({QUOTED}|[^()'\"]*)\)", re.DOTALL)
"""How numpy prints one value in a list or an object of Python."""
OF_PYTHON = re.compile(
    r"(?:collections\.)?(?:Counter|OrderedDict|defaultdict|dict|list|tuple|set|frozenset|deque|(?:np\.|numpy\.)?array)"
    r"\((?:<[^>]*>,\s*|None,\s*)?(?P<value>.*?)(?:,\s*(?:dtype|maxlen)=[^()\[\]{}]*)?\)",
    re.DOTALL,
)
"""How Python and numpy print what holds a list or an object: `Counter({...})`, `array([...], dtype=...)`."""


def literal(cell: str, *, python: bool = True) -> Any:
    """The value that a cell spells as JSON does or, with `python`, as Python does; None if it spells none."""
    for read in (json.loads, ast.literal_eval) if python else (json.loads,):
        try:
            return read(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue  # It is no value of this kind, or nested too deeply for one.
    return None


def container(cell: str) -> Any:
    """The list, tuple, set or object that a cell spells as JSON, Python or numpy do; None if it spells none.

    Values that numpy prints without quotation marks are strings, as a cell of CSV is one.
    """
    spelt = SCALAR.sub(r"\1", cell.strip())
    if of_python := OF_PYTHON.fullmatch(spelt):
        spelt = of_python["value"].strip() or "{}"
    if spelt[:1] not in ("[", "{", "("):
        return None
    found = literal(spelt, python=False)
    if found is None and (by_spaces := BY_SPACES.fullmatch(spelt)):
        return [_item(one) for one in ITEM.findall(by_spaces["items"] or "")]  # ['a' 'b'] is one word to Python.
    if found is None:
        found = literal(spelt)
    return found if isinstance(found, list | tuple | set | Mapping) else None


def _item(spelt: str) -> Any:
    return literal(spelt) if spelt[0] in "'\"" else spelt
