"""A pair of texts as one string: the form in which it travels through the house.

A row of a corpus of pairs is two texts. They are one string with a mark between them, so that a pair is hashed, split,
cached and joined as every text is. Only who reads or shows the two texts takes them apart.
"""

from __future__ import annotations

MARK = "\ufdd0"
"""Stands between the two texts of a pair. Unicode keeps this code point for use within a program: no text has it."""


def joined(first: str, second: str) -> str:
    """The pair of two texts."""
    return f"{first}{MARK}{second}"


def sides(text: str) -> list[str]:
    """The two texts of a pair, or the one text."""
    return text.split(MARK)


def in_words(text: str) -> str:
    """A text as people read it: the two of a pair with an arrow between them."""
    return text.replace(MARK, " \u21c4 ")
