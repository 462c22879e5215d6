"""The difference of two methods with an interval: a paired bootstrap over texts and seeds (Efron & Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """A difference of scores, and the percentile interval of its draws."""

    mean: float
    low: float
    high: float

    @property
    def is_none(self) -> bool:
        """Whether the interval holds 0: no difference was found."""
        return self.low <= 0 <= self.high

    def __str__(self) -> str:
        shown = f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"
        return f"none ({shown})" if self.is_none else shown


def paired_difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], level: float = 0.95, n_draws: int = 4000, seed: int = 7
) -> Difference:
    """Accuracy of `first` less that of `second`, each `[seeds, texts]`: whether a training was right on a text.

    Each draw takes as many texts with replacement as there are, and as many seeds: the same for both. A method that is the
    same for every seed has one row. Raises ValueError for other texts, and for other numbers of seeds than these.
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"both methods must have answered the same texts, but got {first.shape[1]} and {second.shape[1]}"
        )
    if len(first) != len(second) and 1 not in (len(first), len(second)):
        raise ValueError(
            f"both methods must have the same seeds, or one of them one, but got {len(first)} and {len(second)}"
        )
    differences = first.astype(np.float64) - second.astype(np.float64)
    n_seeds, n_texts = differences.shape
    rng = np.random.default_rng(seed)
    draws = np.empty(n_draws)
    for i in range(n_draws):
        texts = np.bincount(rng.integers(n_texts, size=n_texts), minlength=n_texts)
        seeds = np.bincount(rng.integers(n_seeds, size=n_seeds), minlength=n_seeds)
        draws[i] = seeds @ (differences @ texts) / (n_seeds * n_texts)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(differences.mean()), float(low), float(high))


Scorer = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""The scores `[seeds]` of a method on texts, which are given by their numbers; a text may be there several times."""
Weighed = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""The scores `[seeds, draws]` of a method under weights `[draws, texts]`."""
DRAWS_AT_A_TIME = 200


def paired_score_difference(
    first: Scorer,
    second: Scorer,
    labels: NDArray[np.int64],
    level: float = 0.95,
    n_draws: int = 4000,
    seed: int = 7,
) -> Difference:
    """Mean score of `first` less that of `second`, by any metric, on texts with these labels.

    Each draw takes as many texts of each label with replacement as there are, and as many seeds: the same for both. It draws
    label by label, because a draw from all texts can leave a rare label without one. A method that is the same for every seed has
    one score. Raises ValueError for other numbers of seeds than that.
    """
    of_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    every = np.concatenate(of_label)
    n_first, n_second = len(first(every)), len(second(every))
    if n_first != n_second and 1 not in (n_first, n_second):
        raise ValueError(f"both methods must have the same seeds, or one of them one, but got {n_first} and {n_second}")
    n_seeds = max(n_first, n_second)
    rng = np.random.default_rng(seed)
    draws = np.empty(n_draws)
    for i in range(n_draws):
        texts = np.concatenate([rng.choice(those, len(those)) for those in of_label])
        differences = np.broadcast_to(first(texts) - second(texts), n_seeds)
        draws[i] = differences[rng.integers(n_seeds, size=n_seeds)].mean()
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float((first(every) - second(every)).mean()), float(low), float(high))


def paired_weighed_difference(
    first: Weighed, second: Weighed, n_texts: int, level: float = 0.95, n_draws: int = 4000, seed: int = 7
) -> Difference:
    """Mean score of `first` less that of `second`, of texts with several labels each.

    Each draw weighs the texts again (the Bayesian bootstrap, Rubin 1981) and takes as many seeds with replacement as there are: the
    same for both. A draw of whole texts would leave rare labels without one. A method that is the same for every seed has one score.
    Raises ValueError for other numbers of seeds than that.
    """
    even = np.ones((1, n_texts))
    n_first, n_second = len(first(even)), len(second(even))
    if n_first != n_second and 1 not in (n_first, n_second):
        raise ValueError(f"both methods must have the same seeds, or one of them one, but got {n_first} and {n_second}")
    n_seeds = max(n_first, n_second)
    rng = np.random.default_rng(seed)
    draws = []
    for start in range(0, n_draws, DRAWS_AT_A_TIME):
        n = min(DRAWS_AT_A_TIME, n_draws - start)
        weights = rng.exponential(size=(n, n_texts))
        seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n).T / n_seeds
        differences = np.broadcast_to(first(weights) - second(weights), (n_seeds, n))
        draws.append((differences * seeds).sum(axis=0))
    low, high = np.quantile(np.concatenate(draws), [(1 - level) / 2, (1 + level) / 2])
    return Difference(float((first(even) - second(even)).mean()), float(low), float(high))
