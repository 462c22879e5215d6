"""Scores of many confusion matrices at once: for thresholds and bootstraps, which ask for thousands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.tuning.metric.config import MetricConfig

Counts = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]
Scores = NDArray[np.float64]


def scores_of_counts(config: MetricConfig, counts: Counts, index: int | None) -> Scores:
    """The scores `[...]` of confusion matrices `[..., label, answer]` by a metric of answers; `index` is the place of its label.

    They are those of scikit-learn, which takes one matrix at a time.
    """
    counts = counts.astype(np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    n_label, n_answer = counts.sum(axis=-1), counts.sum(axis=-2)
    if config.kind == "accuracy":
        return np.asarray(right.sum(axis=-1) / n_label.sum(axis=-1))
    if config.kind == "mcc":
        return _mcc(right, n_label, n_answer)
    if config.kind == "balanced_accuracy":
        has_texts = n_label > 0
        return np.asarray(_part(right, n_label).sum(axis=-1) / has_texts.sum(axis=-1))
    f1 = _part(2 * right, n_label + n_answer)
    if config.kind == "f1":
        return np.asarray(f1[..., index])
    if config.kind == "weighted_f1":
        return np.asarray((f1 * n_label).sum(axis=-1) / n_label.sum(axis=-1))
    return np.asarray(f1.mean(axis=-1))


def _mcc(right: Scores, n_label: Scores, n_answer: Scores) -> Scores:
    """The correlation R_K of Gorodkin (2004), which is Matthews' for two classes; 0 if all labels or all answers are one."""
    n = n_label.sum(axis=-1)
    found = right.sum(axis=-1) * n - (n_label * n_answer).sum(axis=-1)
    spread = np.sqrt((n**2 - (n_label**2).sum(axis=-1)) * (n**2 - (n_answer**2).sum(axis=-1)))
    return _part(found, spread)


def _part(of: Scores, among: Scores) -> Scores:
    """A ratio, 0 of nothing."""
    return np.divide(of, among, out=np.zeros(np.shape(of)), where=among > 0)
