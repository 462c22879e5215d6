"""How many of what, in words."""

from __future__ import annotations


def n_of(n: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 trial", "3 trials"; `many` is what an s does not make: "1 row has", "3 rows have"."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
