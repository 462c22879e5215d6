"""The labels in the words of a reply: one name, or a list of names as JSON, in lines, or between commas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distune.corpora.answer_sets import NO_LABEL
from distune.corpora.texts import normalise

JOINED_BY = ("\n", "|", ";", "；", ",", "，", "、")
"""The signs between the names of a reply."""
AROUND = " \t\r\n\"'`*_.。!！“”‘’「」『』《》«»‹›\u200b\u2060\ufeff"
"""Signs that a model may put around a label."""
BRACKETS = ("()", "[]", "（）", "【】")
"""Pairs of signs around a label; one of them alone is of a list that was cut off."""
LABEL_KEYS = ("label", "labels", "answer", "category", "class")
"""The keys of a label in an object that holds more, such as a reason."""
FENCED = re.compile(r"\s*```\w*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
"""A block of Markdown, in which models write JSON."""
BULLET = re.compile(r"\s*(?:[-*•+]|\d+[.)])\s+")


@dataclass(frozen=True)
class Names:
    """Names in a reply. `is_whole` says that the reply ends with them, as JSON does: nothing of it can be cut off."""

    names: frozenset[str]
    is_whole: bool


def matched(content: str, names: Sequence[str]) -> str | None:
    """The name that a reply is: exactly, or without the signs around it, or in another case if that is one name alone."""
    bare = content.strip(AROUND)
    within = bare[1:-1].strip(AROUND) if bare[:1] + bare[-1:] in BRACKETS else bare
    spellings = [normalise(content), normalise(bare), normalise(within)]
    for spelling in spellings:
        if spelling in names:
            return spelling
    for spelling in spellings:
        alike = {name for name in names if name.casefold() == spelling.casefold()}
        if len(alike) == 1:
            return alike.pop()
    return None


def name_in(content: str, names: Sequence[str]) -> str | None:
    """The one name that a reply is, as `matched` has it, or as JSON with it alone: a string, a list of one, or an object.

    An object has one key, or one of `LABEL_KEYS`, or gives 1 to one of the names and 0 to others. None for anything else.
    """
    if (found := matched(content, names)) is not None:
        return found
    fenced = FENCED.fullmatch(content)
    value = _json_in(fenced[1] if fenced else content)
    if isinstance(value, Mapping):
        by_name = _held(value, names)
        keys = [key for key in value if key.casefold() in LABEL_KEYS] if len(value) > 1 else list(value)
        value = by_name if isinstance(by_name, list) else value[keys[0]] if len(keys) == 1 else None
    if isinstance(value, list):
        (value,) = value if len(value) == 1 else (None,)
    is_spelt = isinstance(value, str | int) and not isinstance(value, bool)
    return matched(str(value), names) if is_spelt else None


def _json_in(content: str) -> Any:
    """The value that a text spells as JSON, or the text itself, also for an object with one key twice."""
    try:
        return json.loads(content, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def names_in(content: str, names: Sequence[str]) -> Names | None:
    """The names that a reply lists, and no others; None if it says anything else.

    It is a JSON list, a JSON object with one list or with 1 and 0 for names, or a text of names in lines or between commas. An empty
    list and the word `none` are no names.
    """
    fenced = FENCED.fullmatch(content)
    content = fenced[1] if fenced else content
    value = _json_in(content)
    if isinstance(value, Mapping):
        value = _held(value, names)
    if isinstance(value, list):
        found = _all_of(value, names)
        return None if found is None else Names(found, is_whole=True)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = content  # A label that is a number.
    found = _in_text(value, names) if isinstance(value, str) and value.strip() else None
    return None if found is None else Names(found, is_whole=False)


def _held(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The list in an object, or the names to which it gives 1; None if it has neither."""
    if value and all(matched(name, names) is not None for name in value):
        is_truth = all(isinstance(one, bool) or (isinstance(one, int) and one in (0, 1)) for one in value.values())
        return [name for name, one in value.items() if one] if is_truth else None
    lists = [one for one in value.values() if isinstance(one, list)]
    if len(lists) == 1:
        return lists[0]
    (only,) = value.values() if len(value) == 1 else (None,)
    return only if isinstance(only, str) else None


def _in_text(content: str, names: Sequence[str]) -> frozenset[str] | None:
    """The names in a text: it is one of them, or each part between signs of one kind is one."""
    if (whole := _all_of([content], names)) is not None:
        return whole
    for sign in JOINED_BY:
        parts = [BULLET.sub("", part, count=1) for part in content.split(sign) if part.strip(AROUND + "-•+")]
        if (found := _all_of(parts, names)) is not None:
            return found
    return None


def _all_of(parts: Sequence[Any], names: Sequence[str]) -> frozenset[str] | None:
    """The name that each part is; None if one is no name. `none` stands for no name, and alone."""
    if len(parts) == 1 and isinstance(parts[0], str) and _says_none(parts[0], names):
        return frozenset()
    found = [matched(str(part), names) if isinstance(part, str | int) else None for part in parts]
    known = [name for name in found if name is not None]
    return frozenset(known) if len(known) == len(found) else None


def _says_none(content: str, names: Sequence[str]) -> bool:
    return matched(content, names) is None and normalise(content.strip(AROUND)).casefold() in NO_LABEL
