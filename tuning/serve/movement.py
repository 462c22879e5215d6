"""Whether the answers to texts have moved away from those to the texts of before: by how much, and how likely that is by chance.

Two things must meet: the difference is larger than chance would have it, and it is large enough to matter. With many texts
the smallest difference is no chance, and with few a large one may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distune.models.profile import BINS, Profile

LEAST_EXPECTED = 5.0
"""A smaller expected count makes the chi-squared test untrue; such labels are tested together."""
Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Movement:
    """One measure of two profiles: its largest difference in the share of texts, and the probability of such a one by chance."""

    measure: str
    difference: float
    """From 0 to 1."""
    chance: float
    """The p-value, before it is compared with the share of false alarms of one measure."""
    has_moved: bool
    now: float
    before: float
    """The two shares of texts that differ most: those with `at`, or those below it."""
    at: str


def movements(
    now: Profile, before: Profile, labels: Sequence[str], is_multi_label: bool, least: float, false_alarms: float
) -> tuple[Movement, ...]:
    """How the labels, the confidence and the unknown tokens of two profiles differ.

    A measure has moved if its difference is at least `least`, and its p-value is below `false_alarms` over the number of
    measures (Bonferroni). If nothing has moved, at most the share `false_alarms` of all comparisons says that any has.
    """
    of_labels = _several_labels if is_multi_label else _one_label
    found = (
        ("labels", *of_labels(now, before, labels)),
        ("confidence", *_binned(now.confidence, before.confidence, from_above=False)),
        ("unknown tokens", *_binned(now.unknown, before.unknown, from_above=True)),
    )
    return tuple(
        Movement(
            measure=measure,
            difference=difference,
            chance=chance,
            has_moved=difference >= least and chance < false_alarms / len(found),
            now=shares[0],
            before=shares[1],
            at=at,
        )
        for measure, difference, chance, shares, at in found
    )


def least_seen(n_now: int, n_before: int, false_alarms: float, n_measures: int = 3) -> float:
    """The smallest difference of a binned measure that this number of texts shows, as a share of texts (Kolmogorov-Smirnov)."""
    alpha = false_alarms / n_measures
    return min(1.0, math.sqrt(-math.log(alpha / 2) / 2 * (n_now + n_before) / (n_now * n_before)))


Found = tuple[float, float, tuple[float, float], str]
"""The difference, its p-value, the two shares of texts, and where these are."""


def _one_label(now: Profile, before: Profile, labels: Sequence[str]) -> Found:
    """The total variation distance: the share of texts that would need another label for the shares to be as before."""
    counts = np.array([now.labels, before.labels], dtype=np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    most = int(np.abs(shares[0] - shares[1]).argmax())
    difference = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return difference, _chi_squared(counts), (float(shares[0, most]), float(shares[1, most])), labels[most]


def _several_labels(now: Profile, before: Profile, labels: Sequence[str]) -> Found:
    """The label whose share of texts differs most; each label is a test of its own."""
    n_texts = np.array([now.n_texts, before.n_texts], dtype=np.float64)
    counts = np.array([now.labels, before.labels], dtype=np.float64)
    shares = counts / n_texts[:, None]
    most = int(np.abs(shares[0] - shares[1]).argmax())
    chances = [_chi_squared(np.stack([has, n_texts - has], axis=1)) for has in counts.T]
    chance = min(1.0, min(chances) * len(chances))
    difference = float(np.abs(shares[0] - shares[1]).max())
    return difference, chance, (float(shares[0, most]), float(shares[1, most])), labels[most]


def _chi_squared(counts: Counts) -> float:
    """The p-value of the chi-squared test of homogeneity of counts `[2, kinds]`. Kinds that are too rare for it count together."""
    from scipy.special import chdtrc  # scipy.stats would take a second to import.

    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    order = np.argsort(expected.min(axis=0), kind="stable")
    counts, expected = counts[:, order], expected[:, order]
    n_rare = int(np.count_nonzero(expected.min(axis=0) < LEAST_EXPECTED))
    while 0 < n_rare < counts.shape[1] and expected[:, :n_rare].sum(axis=1).min() < LEAST_EXPECTED:
        n_rare += 1  # The rare ones together are still too rare: the next one joins them.
    if n_rare:
        counts, expected = _first_together(counts, n_rare), _first_together(expected, n_rare)
    kinds = counts.shape[1]
    return 1.0 if kinds < 2 else float(chdtrc(kinds - 1, float(((counts - expected) ** 2 / expected).sum())))


def _first_together(counts: Counts, n_first: int) -> Counts:
    return np.concatenate([counts[:, :n_first].sum(axis=1, keepdims=True), counts[:, n_first:]], axis=1)


def _binned(now: Sequence[int], before: Sequence[int], from_above: bool) -> Found:
    """The largest difference in the share of texts below a value, and the p-value of Kolmogorov and Smirnov.

    Bins hide a part of the difference, so that fewer false alarms come than are allowed. `from_above` gives the shares of texts
    that have the value or more.
    """
    from scipy.special import kolmogorov

    n_texts = np.array([sum(now), sum(before)], dtype=np.float64)
    below = np.cumsum([now, before], axis=1)[:, :-1] / n_texts[:, None]
    gaps = np.abs(below[0] - below[1])
    # Of equal ones that which says most: the smallest value to be below, the largest to reach.
    most = len(gaps) - 1 - int(gaps[::-1].argmax()) if from_above else int(gaps.argmax())
    difference = float(gaps.max())
    effective = float(n_texts.prod() / n_texts.sum())
    shares = 1 - below[:, most] if from_above else below[:, most]
    at = f"{(most + 1) / (BINS - 1):.2f}"
    return difference, float(kolmogorov(math.sqrt(effective) * difference)), (float(shares[0]), float(shares[1])), at
