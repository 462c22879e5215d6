"""Other assignments of a teacher's columns to labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

CHANCE = 1e-5
"""The largest probability of a refusal, over all permutations, if the columns are in order."""
Moves = NDArray[np.int64]
"""`[classes]`: the class that each column, which now stands for its own number, would stand for."""


def exchange(first: int, second: int, n_classes: int) -> Moves:
    moves = np.arange(n_classes)
    moves[[first, second]] = second, first
    return moves


def moved_by(moves: Moves) -> Moves:
    """The columns that change their class."""
    return np.flatnonzero(moves != np.arange(len(moves)))


def cycles_of(best: Moves) -> Iterator[Moves]:
    """Each cycle of a permutation alone, with the other columns unchanged."""
    seen: set[int] = set()
    for start in range(len(best)):
        cycle = [start]
        while best[cycle[-1]] != start:
            cycle.append(int(best[cycle[-1]]))
        if start not in seen and len(cycle) > 1:
            alone = np.arange(len(best))
            alone[cycle] = best[cycle]
            yield alone
        seen |= set(cycle)


def together(cycles: list[Moves], n_classes: int) -> Moves:
    """All of these cycles at once."""
    moves = np.arange(n_classes)
    for cycle in cycles:
        moves[moved_by(cycle)] = cycle[moved_by(cycle)]
    return moves
