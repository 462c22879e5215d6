"""The guard against columns in the wrong order, if a text has several labels: would another assignment of the columns order the texts
of each label far better?

A column orders dev texts, and it agrees with a label as far as the texts with the label come first. The measure is the
area under the ROC curve (AUC), or the rank-sum statistic in standard errors (Mann & Whitney 1947). Found is the
assignment with the largest sum of these statistics (Kuhn 1955). It counts only if four things hold for the columns that
it moves. Their mean AUC gains what matters. Nearly each label gains, so that no column merely takes the place of a bad
one. The gain, text by text, is no chance, by a sign-flip test under Chernoff's bound. And the sum is larger than that of
the best assignment of columns that have nothing to do with the labels. Its mean is that of shuffled texts, and it is
normal around that (Borell 1975).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.tuning.teachers.moves import CHANCE, Moves, cycles_of, exchange, moved_by, together

Floats = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]
MIN_GAIN = 0.1
"""The mean AUC of the moved columns that another order must gain."""
GAINING = 0.8
"""The part of the moved labels whose own AUC must gain."""
N_SHUFFLES, SEED = 16, 7
LAMBDAS = np.geomspace(1e-3, 1e3, 121)
"""Where Chernoff's bound is looked for, in units of one over the root mean square; each gives a bound."""
MOST_SHOWN = 5
"""How many labels a line names."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far columns go with labels: the parts of the statistic, of which there is one for each column and label.

    `ranks` `[texts, columns]` are standardised, and so are `labels` `[texts, labels]`, 0 if a label is unknown.
    """

    ranks: Floats
    labels: Floats
    auc: Floats
    """`[columns, labels]`"""

    @property
    def statistic(self) -> Floats:
        """`[columns, labels]`, in standard errors."""
        return self.ranks.T @ self.labels


@dataclass(frozen=True, kw_only=True)
class BetterOrder:
    """An assignment that fits far better, and the mean AUC of the columns that it moves, before and after."""

    moves: Moves
    auc: float
    better_auc: float


def agreement(logits: NDArray[np.floating[Any]], labels: Labels) -> Agreement:
    """The agreement of each column of logits `[texts, columns]` with labels `[texts, labels]`, -1 if unknown."""
    n_texts = len(logits)
    raw = np.stack([_mid_ranks(column) for column in logits.T], axis=1)
    deviation = raw.std(axis=0)
    ranks = (raw - raw.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    known = labels >= 0
    n_known = np.maximum(known.sum(axis=0), 1)
    share = ((labels == 1) & known).sum(axis=0) / n_known
    centred = np.where(known, labels - share, 0.0)
    squares = n_known * share * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(squares > 0, ranks.T @ centred / squares, 0.0)
        standardised = np.where(squares > 0, centred / np.sqrt(squares), 0.0)
    return Agreement(ranks=ranks, labels=standardised, auc=0.5 + apart * deviation[:, None] / n_texts)


def better_order(logits: NDArray[np.floating[Any]], labels: Labels) -> BetterOrder | None:
    """The assignment of columns to labels, both `[texts, labels]`, that fits far better than the given one, if any.

    It is looked for among the best assignment as a whole, and each of its cycles alone.
    """
    found = agreement(logits, labels)
    # A standard error more for each column that stays: of two assignments alike, the one that moves less.
    statistic = found.statistic + np.eye(len(found.auc))
    if (statistic.diagonal() >= statistic.max(axis=1)).all():
        return None
    from scipy.optimize import linear_sum_assignment  # It takes a second to import.

    best = linear_sum_assignment(statistic, maximize=True)[1].astype(np.int64)
    cycles = [cycle for cycle in cycles_of(best) if _gains(found, cycle)]
    for moves in (together(cycles, len(best)), *cycles):
        if len(moved_by(moves)) and is_far_better(found, moves):
            before, after = _mean_aucs(found, moves)
            return BetterOrder(moves=moves, auc=before, better_auc=after)
    return None


def is_far_better(found: Agreement, moves: Moves, n_labels: int | None = None) -> bool:
    """Whether an assignment gains what matters, and by no chance; `n_labels` are all from which the moved ones were chosen."""
    n_labels = n_labels or len(moves)
    n_moved = len(moved_by(moves))
    n_choices = math.log(math.comb(n_labels, n_moved)) + math.log(max(1, n_labels - 1))
    return (
        _gains(found, moves)
        and log_chance_of_gain(found, moves) + n_choices < math.log(CHANCE)
        and log_chance_of_unrelated(found, moves) + n_choices < math.log(CHANCE)
    )


def log_chance_of_gain(found: Agreement, moves: Moves) -> float:
    """The logarithm of at most how likely the texts gain so much in sum, if each gains or loses its part as likely."""
    moved = moved_by(moves)
    ranks = found.ranks[:, moved]
    parts = (ranks * (found.labels[:, moves[moved]] - found.labels[:, moved])).sum(axis=1)
    scale = math.sqrt(float((parts**2).mean()))
    if not scale or parts.sum() <= 0:
        return 0.0
    tilted = LAMBDAS[:, None] * parts[None] / scale
    # The logarithm of the hyperbolic cosine, without overflow.
    bounds = np.logaddexp(tilted, -tilted).sum(axis=1) - len(parts) * math.log(2) - tilted.sum(axis=1)
    return float(min(0.0, bounds.min()))


def log_chance_of_unrelated(found: Agreement, moves: Moves) -> float:
    """The logarithm of at most how likely the best assignment of the moved columns would fit so well, if they had nothing to
    do with the labels."""
    from scipy.optimize import linear_sum_assignment

    moved = moved_by(moves)
    ranks, labels = found.ranks[:, moved], found.labels[:, moves[moved]]
    rng, sums = np.random.default_rng(SEED), []
    for _ in range(N_SHUFFLES):
        shuffled = ranks.T @ labels[rng.permutation(len(labels))]
        sums.append(shuffled[linear_sum_assignment(shuffled, maximize=True)].sum())
    beyond = float((ranks * labels).sum() - np.mean(sums))
    if beyond <= 0:
        return 0.0
    return -(beyond**2) / (2 * largest_variance(ranks, labels))


def largest_variance(ranks: Floats, labels: Floats) -> float:
    """At least the variance of the sum of any assignment, if texts are shuffled."""
    others = ~np.eye(ranks.shape[1], dtype=bool)
    of_ranks = np.abs(ranks.T @ ranks / len(ranks))[others]
    of_labels = np.abs(labels.T @ labels)[others]
    return float(ranks.shape[1] + np.sort(of_ranks) @ np.sort(of_labels))


def _gains(found: Agreement, moves: Moves) -> bool:
    """Whether the moved columns gain a mean AUC that matters, and nearly each of their labels does."""
    moved = moved_by(moves)
    gains = found.auc[moved, moves[moved]] - found.auc[moves[moved], moves[moved]]
    before, after = _mean_aucs(found, moves)
    return after - before >= MIN_GAIN and bool((gains > 0).sum() >= GAINING * len(moved))


def _mean_aucs(found: Agreement, moves: Moves) -> tuple[float, float]:
    moved = moved_by(moves)
    return float(found.auc[moved, moved].mean()), float(found.auc[moved, moves[moved]].mean())


def _mid_ranks(values: NDArray[np.floating[Any]]) -> Floats:
    """The rank of each value; equal ones share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - (counts - 1) / 2)[place].astype(np.float64)
    return found


def labels_with_few_texts(labels: Labels) -> tuple[list[int], bool]:
    """The labels whose exchange with another would not be noticed by labels `[texts, labels]`, even of a teacher that is always
    right, and whether no order at all would be."""
    n_texts = (labels == 1).sum(axis=0)
    by_size = np.argsort(n_texts, kind="stable")
    found = agreement((labels == 1).astype(np.float64), labels)
    few = []
    for place, larger in zip(by_size, [*by_size[1:], by_size[-2]], strict=True):
        both = [int(place), int(larger)]
        exchanged = Agreement(
            ranks=found.ranks[:, both[::-1]], labels=found.labels[:, both], auc=found.auc[np.ix_(both[::-1], both)]
        )
        if not is_far_better(exchanged, exchange(0, 1, 2), len(n_texts)):
            few.append(int(place))
    around = Agreement(ranks=np.roll(found.ranks, 1, axis=1), labels=found.labels, auc=np.roll(found.auc, 1, axis=0))
    return few, len(few) >= len(n_texts) - 1 and not is_far_better(around, np.roll(np.arange(len(n_texts)), 1))
