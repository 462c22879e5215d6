"""How many of what, in words."""

from __future__ import annotations


def n_of(n: int, one: str) -> str:
    """A count with its noun: "1 trial", "3 trials"."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {one}s"
