"""Rules that stop the trials of a simulated search: those of Ray Tune and of Distune, without Ray."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.search.simulator import Run
from benchmarks.search.table import Table


def looks_at(table: Table, epochs: Sequence[float]) -> tuple[int, ...]:
    """The look nearest to each number of epochs, as steps do not divide by the looks; none of the last look, which is the end."""
    nearest = [int(np.abs(table.epochs - one).argmin()) for one in epochs]
    found = [look for look in nearest if look < len(table.epochs) - 1]
    return tuple(dict.fromkeys(found))


def rungs(grace: float, reduction_factor: float, most: float) -> list[float]:
    """The epochs of Ray's rungs: the grace period times the powers of the reduction factor, up to `most`."""
    n = int(math.log(most / grace) / math.log(reduction_factor) + 1)
    return [grace * reduction_factor**power for power in range(n)]


class Asha:
    """Asynchronous successive halving as Ray Tune's `ASHAScheduler` stops (Li et al. 2018): at a rung a trial ends if it is below
    the quantile `1 - 1 / reduction_factor` of those that were there before it. The first one there goes on.

    Trials that learn from labels alone neither stop nor count, as in `tuning/search/stopping.py`, unless `counts_plain`.
    """

    def __init__(
        self,
        run: Run,
        grace: float = 1.0,
        reduction_factor: float = 2.0,
        signal: str = "score",
        counts_plain: bool = False,
        at: Sequence[float] | None = None,
    ) -> None:
        most = float(run.table.epochs[-1])
        self.looks = looks_at(run.table, at or rungs(grace, reduction_factor, most))
        self.signal = signal
        self._kept = 1 - 1 / reduction_factor
        self._exempt = set() if counts_plain else set(run.table.is_plain.nonzero()[0].tolist())
        self._seen: dict[int, list[float]] = {look: [] for look in self.looks}

    def stops(self, number: int, look: int, value: float) -> bool:
        if number in self._exempt:
            return False
        seen = self._seen[look]
        is_below = bool(seen) and value < quantile(seen, self._kept)
        bisect.insort(seen, value)
        return is_below


def quantile(ordered: Sequence[float], part: float) -> float:
    """The quantile of ascending values, interpolated linearly as numpy does."""
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
