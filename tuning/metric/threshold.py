"""The threshold of one label: the probability from which it is answered, chosen so that a score is best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import LIKELIEST, Decision, softmax
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.counts import scores_of_counts

Floats = NDArray[np.floating[Any]]


def best_decision(
    config: MetricConfig, index: int, logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> Decision:
    """The decision for the class `index` with the best score of logits `[texts, classes]` against labels `[texts]`.

    Every threshold that separates two probabilities is tried. It lies half-way between them, so that a rounding does not
    turn an answer. Among equals the nearest to 0.5 wins, but of `recall_at_precision` the largest, whose precision is the
    best. If no threshold reaches that precision, the likeliest class is the answer.
    """
    found = softmax(logits)[:, index].astype(np.float64)
    order = np.argsort(-found, kind="stable")
    sorted_found, is_class = found[order], labels[order] == index
    last = np.flatnonzero(np.append(sorted_found[1:] < sorted_found[:-1], True))
    true_positives = np.cumsum(is_class)[last].astype(np.float64)
    n_answered, n_class = last + 1.0, float(is_class.sum())
    scores = _scores(config, true_positives, n_answered, n_class, float(len(labels)))
    if scores.max() < 0:
        return LIKELIEST
    cuts = (sorted_found[last] + np.append(sorted_found[last[:-1] + 1], 0.0)) / 2
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    kept = best[0] if config.kind == "recall_at_precision" else best[np.abs(cuts[best] - 0.5).argmin()]
    return Decision(index, float(cuts[kept]))


def _scores(config: MetricConfig, tp: Floats, n_answered: Floats, n_class: float, n: float) -> Floats:
    """The score of each threshold, from how many texts are answered with the class and how many of these are right; -1
    for one that will not do.

    All other classes count as one: a metric of all labels has a threshold with two classes alone.
    """
    if config.kind == "recall_at_precision":
        reaches = tp / n_answered >= (config.precision or 1.0)
        return np.where(reaches, tp / max(n_class, 1.0), -1.0)
    fp, fn = n_answered - tp, n_class - tp
    others = n - tp - fp - fn
    counts = np.stack([np.stack([others, fp], axis=-1), np.stack([fn, tp], axis=-1)], axis=-2)
    scores = scores_of_counts(config, counts, 1)
    return 1.0 + scores if config.kind == "mcc" else scores
