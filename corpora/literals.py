"""Values that a cell of text spells as JSON or Python do."""

from __future__ import annotations

import ast
import json
from typing import Any


def literal(cell: str, *, python: bool = True) -> Any:
    """The value that a cell spells as JSON does or, with `python`, as Python does; None if it spells none."""
    for read in (json.loads, ast.literal_eval) if python else (json.loads,):
        try:
            return read(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue  # It is no value of this kind, or nested too deeply for one.
    return None
