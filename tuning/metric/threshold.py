"""The threshold of one label: the probability from which it is answered, chosen so that a score is best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import LIKELIEST, Decision, softmax
from distune.tuning.metric.config import MetricConfig

Floats = NDArray[np.floating[Any]]


def best_decision(
    config: MetricConfig, index: int, logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]
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
    """The score of each threshold, from how many texts are answered with the class and how many of these are right.

    A metric of all labels is asked of two classes alone.
    """
    fp, fn = n_answered - tp, n_class - tp
    tn = n - tp - fp - fn
    kind = config.kind
    if kind == "recall_at_precision":
        reaches = tp / n_answered >= (config.precision or 1.0)
        return np.where(reaches, tp / max(n_class, 1.0), -1.0)
    if kind == "accuracy":
        return np.asarray((tp + tn) / n)
    if kind == "mcc":
        spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        # From 0 to 2, as below 0 means that no threshold will do.
        found = np.divide(tp * tn - fp * fn, spread, out=np.zeros_like(tp), where=spread > 0)
        return np.asarray(1.0 + found)
    if kind == "balanced_accuracy":
        recalls = [one / (one + other) for one, other in ((tp, fn), (tn, fp)) if (one + other)[0] > 0]
        return np.asarray(np.mean(recalls, axis=0))
    of_class, of_other = _f1(tp, fp, fn), _f1(tn, fn, fp)
    if kind == "f1":
        return of_class
    weight = 0.5 if kind == "macro_f1" else n_class / n
    return weight * of_class + (1 - weight) * of_other


def _f1(tp: Floats, fp: Floats, fn: Floats) -> Floats:
    among = 2 * tp + fp + fn
    return np.divide(2 * tp, among, out=np.zeros_like(tp), where=among > 0)
