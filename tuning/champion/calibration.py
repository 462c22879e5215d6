"""How often a model is right when it is sure by so much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED
from distune.models.decision import sigmoid
from distune.models.logits import probabilities

BINS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """How sure a model is, and how often it is right then: of each bin of confidence that is not empty, how much lies in it, the
    mean confidence and the accuracy; and the expected calibration error over all."""

    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    error: float


def reliability(logits: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> Reliability:
    """The calibration of a model in ten bins of equal width (Guo et al. 2017).

    The bins are of texts, by the probability of the likeliest label. If a text has several labels, they are of all pairs of
    a text and a label, by the probability of the label; the accuracy is then the share of texts that have it, and what is
    unknown is left out. The error is the mean distance between a bin's accuracy and its confidence.
    """
    if labels.ndim == 2:
        known = labels != UNLABELLED
        return _in_bins(sigmoid(logits.astype(np.float64))[known], labels[known] == 1)
    found = probabilities(logits)
    return _in_bins(found.max(axis=1), found.argmax(axis=1) == labels)


def _in_bins(confidence: NDArray[np.floating[Any]], is_right: NDArray[np.bool_]) -> Reliability:
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    sure = np.bincount(bins, confidence, BINS)[filled] / counts[filled]
    right = np.bincount(bins, is_right, BINS)[filled] / counts[filled]
    error = float((counts[filled] * np.abs(right - sure)).sum() / len(confidence))
    return Reliability(counts[filled], sure, right, error)
