"""The confidence interval of a score on a number of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import LIKELIEST, AnyDecision
from distune.tuning.metric.metric import Labels, Logits, Metric

N_SAMPLES = 1000
SEED = 7


def wilson_interval(accuracy: float, n_texts: int) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy over `n_texts` texts (Wilson 1927); from 0 to 1 over none."""
    if n_texts == 0:
        return 0.0, 1.0
    z = 1.959964
    centre = accuracy + z * z / (2 * n_texts)
    half = z * math.sqrt(accuracy * (1 - accuracy) / n_texts + z * z / (4 * n_texts**2))
    whole = 1 + z * z / n_texts
    return max(0.0, (centre - half) / whole), min(1.0, (centre + half) / whole)


def score_interval(
    metric: Metric, logits: Sequence[Logits], labels: Labels, decisions: Sequence[AnyDecision]
) -> tuple[float, float]:
    """The 95 % confidence interval of the mean score over seeds: Wilson's of an accuracy, of any other metric bootstrapped."""
    if metric.config.is_accuracy:
        scores = [metric.score(one, labels, by) for one, by in zip(logits, decisions, strict=True)]
        return wilson_interval(float(np.mean(scores)), len(labels))
    return bootstrap_interval(metric, logits, labels, decisions)


def bootstrap_interval(
    metric: Metric,
    logits: Sequence[Logits],
    labels: Labels,
    decisions: Sequence[AnyDecision] | None = None,
    n_samples: int = N_SAMPLES,
) -> tuple[float, float]:
    """The 95 % confidence interval of the mean score over seeds, each with logits `[texts, classes]` of the same texts
    and its decision, by default the likeliest class.

    It draws the texts of each label `n_samples` times with replacement, and holds the middle 95 % of the scores (Efron 1979).
    It draws label by label, because a draw from all texts can leave a rare label without one.
    """
    decisions = [LIKELIEST] * len(logits) if decisions is None else decisions
    generator = np.random.default_rng(SEED)
    of_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    draws = (np.concatenate([generator.choice(texts, len(texts)) for texts in of_label]) for _ in range(n_samples))
    if metric.is_of_answers:
        answers = [by.of_logits(one) for one, by in zip(logits, decisions, strict=True)]
        n_classes = logits[0].shape[1]
        found = [
            metric.scores(np.stack([_counts(labels[rows], one[rows], n_classes) for one in answers])).mean()
            for rows in draws
        ]
    else:
        found = [np.mean([metric.score(one[rows], labels[rows]) for one in logits]) for rows in draws]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _counts(labels: Labels, answers: Labels, n_classes: int) -> NDArray[np.int64]:
    """The confusion matrix `[label, answer]`."""
    return np.bincount(labels * n_classes + answers, minlength=n_classes**2).reshape(n_classes, n_classes)
