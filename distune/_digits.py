"""Whole numbers as text: what `int` reads, and nothing else."""

from __future__ import annotations

MOST_DIGITS = 18


def is_whole(text: str) -> bool:
    """Whether a text is a whole number in plain digits, of at most 18: `²` is a digit to `isdigit`, and none to `int`."""
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
