"""The threshold of each label where a text has several: the probability from which it is answered, chosen so that a score is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import EVEN, EachLabel, sigmoid
from distune.tuning.metric.config import MetricConfig

Floats = NDArray[np.float64]
ROUNDS = 10
"""Micro-F1 has settled by then; each round looks at every label once."""


@dataclass(frozen=True)
class _Cuts:
    """The thresholds that separate two probabilities of one label, and of each how many texts it answers rightly and in all."""

    thresholds: Floats
    true_positives: Floats
    n_answered: Floats
    n_label: float

    @property
    def f1(self) -> Floats:
        return 2 * self.true_positives / np.maximum(self.n_answered + self.n_label, 1.0)

    def nearest_to_even(self, scores: Floats) -> int:
        """The place of the best score; of equal ones, the place with the threshold nearest to 0.5."""
        best = np.flatnonzero(scores >= scores.max() - 1e-12)
        return int(best[np.abs(self.thresholds[best] - EVEN).argmin()])


def best_thresholds(
    config: MetricConfig, index: int | None, logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> EachLabel:
    """The thresholds with the best score of logits `[texts, labels]` against labels of the same shape.

    Each label has the threshold of its own best F1, which is the best macro-F1 too. For `micro_f1` the thresholds are
    then changed one label at a time until that score does not rise. The label `index` of `recall_at_precision` has the
    threshold of its largest recall at the precision. A label that no text has keeps 0.5.
    """
    cuts = [_cuts(found, of_label) for found, of_label in zip(sigmoid(logits).T, labels.T, strict=True)]
    places = [one.nearest_to_even(one.f1) if one is not None else -1 for one in cuts]
    if config.kind == "micro_f1":
        _by_micro_f1(cuts, places)
    thresholds = [
        EVEN if one is None else float(one.thresholds[place]) for one, place in zip(cuts, places, strict=True)
    ]
    if config.kind == "recall_at_precision" and index is not None:
        thresholds[index] = _at_precision(cuts[index], config.precision or 1.0)
    return EachLabel(tuple(thresholds))


def _cuts(found: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> _Cuts | None:
    """The thresholds of one label, each half-way between two probabilities; None if no text has it."""
    known = labels >= 0
    found, has = found[known].astype(np.float64), labels[known] == 1
    if not has.any():
        return None
    order = np.argsort(-found, kind="stable")
    ordered, has = found[order], has[order]
    last = np.flatnonzero(np.append(ordered[1:] < ordered[:-1], True))
    thresholds = (ordered[last] + np.append(ordered[last[:-1] + 1], 0.0)) / 2
    n_answered = (last + 1).astype(np.float64)
    return _Cuts(thresholds.astype(np.float64), np.cumsum(has)[last].astype(np.float64), n_answered, float(has.sum()))


def _by_micro_f1(cuts: list[_Cuts | None], places: list[int]) -> None:
    """Move the place of each label's threshold to where micro-F1 is best, the others given, until none moves."""
    there = [(number, one) for number, one in enumerate(cuts) if one is not None]
    for _ in range(ROUNDS):
        moved = False
        for number, one in there:
            right = sum(other.true_positives[places[i]] for i, other in there if i != number)
            rest = sum(other.n_answered[places[i]] + other.n_label for i, other in there if i != number) + one.n_label
            scores = 2 * (right + one.true_positives) / (rest + one.n_answered)
            place = one.nearest_to_even(scores)
            if scores[place] > scores[places[number]] + 1e-12:
                places[number], moved = place, True
        if not moved:
            return


def _at_precision(cuts: _Cuts | None, precision: float) -> float:
    """The largest threshold with the largest recall at a precision; 0.5 if none reaches it."""
    reaches = cuts.true_positives / cuts.n_answered >= precision if cuts is not None else np.zeros(0, dtype=bool)
    if cuts is None or not reaches.any():
        return EVEN
    right = np.where(reaches, cuts.true_positives, -1.0)
    return float(cuts.thresholds[int(right.argmax())])
