"""Patterns of file names on any file system, such as `s3://bucket/tickets-*.parquet`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence

from distune.corpora.places import Place

WILDCARDS = re.compile(r"[*?\[]")
"""The signs of a pattern."""


def is_pattern(place: Place) -> bool:
    """Whether a name has wildcards; in a URI `?` is none, as it begins the options of the file system."""
    return bool(WILDCARDS.search(place.parts[0]))


def pattern_base(pattern: Place) -> Place:
    """The folder above the first wildcard of a pattern."""
    path, options = pattern.parts
    base = path[: WILDCARDS.search(f"{path}*").start()].rpartition("/")  # type: ignore[union-attr]
    return Place(f"{base[0] or base[1] or '.'}{options}")


def matching(pattern: Place, folders: bool = False) -> list[Place]:
    """The files, or the folders, that a pattern finds, sorted by name.

    `**` stands for folders at any depth. Names that begin with a point or an underscore are found only by patterns that
    begin so, as programs mark by them what is no data.
    """
    base = pattern_base(pattern)
    behind = pattern.parts[0][len(base.parts[0]) :]
    if base.uri == "." and not pattern.uri.startswith("./"):
        base, behind = Place(""), pattern.uri
    found = list(_below(base, [part for part in behind.split("/") if part], folders))
    return sorted(dict.fromkeys(found), key=lambda place: place.uri)


def _below(folder: Place, parts: Sequence[str], folders: bool) -> Iterator[Place]:
    """The files, or the folders, below a folder that fit the parts of a pattern."""
    pattern, rest = parts[0], parts[1:]
    if pattern == "**" and rest:
        yield from _below(folder, rest, folders)
    elif not WILDCARDS.search(pattern) and rest:
        yield from _below(_within(folder, pattern), rest, folders)
        return
    for name, is_folder in folder.entries():
        is_hidden = name.startswith((".", "_")) and not pattern.startswith(name[0])
        if is_hidden or not fnmatch.fnmatchcase(name, pattern):
            continue
        if is_folder and rest:
            yield from _below(_within(folder, name), parts if pattern == "**" else rest, folders)
        elif is_folder == folders and not rest:
            yield _within(folder, name)


def _within(folder: Place, name: str) -> Place:
    return folder / name if folder.uri else Place(name)
