"""How true the probabilities of a model are: how often it is right when it is sure by so much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED

BINS = 10
Floats = NDArray[np.float64]
Probabilities = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
LEAST = 1e-12
"""The probability that counts in place of a smaller one, as the logarithm of 0 is no number."""


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


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far probabilities are from the truth: the expected calibration error, the mean over all labels of the error of each
    one's own probability, and the log loss in nats. Less of each is better."""

    error: float
    classwise_error: float
    log_loss: float


def calibration(probabilities: Probabilities, labels: Labels) -> Calibration:
    """The calibration of probabilities `[texts, classes]` against labels `[texts]`, or `[texts, classes]` for several a text.

    The classwise error has the ten bins of `reliability` for each label, over the texts of which the label is known
    (Kull et al. 2019).
    """
    has = labels if labels.ndim == 2 else _one_hot(labels, probabilities.shape[1])
    found = probabilities.astype(np.float64)
    known = has != UNLABELLED
    each = [
        _in_bins(of_label[rows], of_texts[rows] == 1).error
        for of_label, of_texts, rows in zip(found.T, has.T, known.T, strict=True)
        if rows.any()
    ]
    true = np.where(has == 1, found, 1 - found)[known] if labels.ndim == 2 else found[np.arange(len(labels)), labels]
    return Calibration(
        error=reliability(probabilities, labels).error,
        classwise_error=float(np.mean(each)),
        log_loss=float(-np.log(np.maximum(true, LEAST)).mean()),
    )


def reliability(probabilities: Probabilities, labels: Labels) -> Reliability:
    """The calibration of a model in ten bins of equal width (Guo et al. 2017).

    The bins are of texts, by the probability of the likeliest label. If a text has several labels, the bins are of pairs of
    a text and a label, by the probability of the label, without unknown labels. The accuracy of a bin is then the share of
    its pairs in which the text has the label. The error is the mean distance between a bin's accuracy and its confidence.
    """
    if labels.ndim == 2:
        known = labels != UNLABELLED
        return _in_bins(probabilities[known], labels[known] == 1)
    return _in_bins(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def _one_hot(labels: Labels, n_classes: int) -> NDArray[np.int8]:
    has: NDArray[np.int8] = (labels[:, None] == np.arange(n_classes)).astype(np.int8)
    return has


def _in_bins(confidence: Probabilities, is_right: NDArray[np.bool_]) -> Reliability:
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    sure = np.bincount(bins, confidence, BINS)[filled] / counts[filled]
    right = np.bincount(bins, is_right, BINS)[filled] / counts[filled]
    error = float((counts[filled] * np.abs(right - sure)).sum() / len(confidence))
    return Reliability(counts[filled], sure, right, error)
