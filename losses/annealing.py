"""A value that changes while a student learns: constant, or from one value to another along a line or half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Annealing = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Annealed:
    """A value that is `start` at progress 0 and, unless it is constant, `end` at progress 1.

    Annealed(4.0, 1.0, "linear").at(0.5)  # 2.5
    """

    start: float
    end: float
    shape: Annealing = "constant"

    def at(self, progress: float) -> float:
        """The value at a progress of the training from 0 to 1."""
        if self.shape == "constant":
            return self.start
        gone = progress if self.shape == "linear" else (1 - math.cos(math.pi * progress)) / 2
        return self.start + (self.end - self.start) * gone


def constant(value: float) -> Annealed:
    """An annealing that keeps one value."""
    return Annealed(value, value)
