"""A study's document in YAML's own values, whatever Python has made it of."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from distune.tuning.study.errors import StudyError


def document_in_plain_values(document: Any) -> dict[str, Any]:
    """A copy of a document, of which nobody holds a part: NumPy's scalars become numbers, paths text, tuples lists.

    It is kept with the results as YAML, and read back from there. Raises StudyError for what is no mapping, and listing all that
    YAML has no value for, and all numbers that are not finite.
    """
    if not isinstance(document, Mapping):
        raise StudyError(
            "a study is a mapping with name, corpus, teacher and trial (distune.load_study reads one from a file), but got "
            f"{document!r:.80}"
        )
    faults: list[str] = []
    plain: dict[str, Any] = _plain(document, "", faults)
    if faults:
        raise StudyError("\n".join(faults))
    return plain


def _plain(value: Any, path: str, faults: list[str]) -> Any:
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, Mapping):
        plain = {}
        for key, one in value.items():
            if isinstance(key, bool) or not isinstance(key, str | int):
                faults.append(f"{path or 'study'}: a key must be text, but got {key!r}")
            plain[str(key)] = _plain(one, f"{path}.{key}" if path else str(key), faults)
        return plain
    if isinstance(value, list | tuple):
        return [_plain(one, f"{path}.{number}", faults) for number, one in enumerate(value)]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(f"{path}: must be a finite number, but got {value}")
    elif value is not None and not isinstance(value, str | bool | int | float | datetime.date):
        faults.append(f"{path}: must be text, a number, a list or a mapping, but got a {type(value).__name__}")
    return value
