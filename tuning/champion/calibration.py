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
    """The confidence of a model in bins, and how often it is right in each; empty bins are left out.

    `counts` are of what lies in a bin, `confidence` and `accuracy` are means over it, and `error` is the expected
    calibration error over all.
    """

    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    error: float


def reliability(logits: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> Reliability:
    """The calibration of a model in ten bins of equal width (Guo et al. 2017).

    The bins are of texts, by the probability of the likeliest label. If a text has several labels, the bins are of pairs of
    a text and a label, by the probability of the label, without unknown labels. The accuracy of a bin is then the share of
    its pairs in which the text has the label. The error is the mean distance between a bin's accuracy and its confidence.
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
