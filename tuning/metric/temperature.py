"""The temperature of a student's logits: the number over which they become probabilities that are true on dev (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.labelling import UNLABELLED
from distune.models.decision import AnyDecision, Decision, sigmoid, softmax

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
LOWEST, HIGHEST = 0.1, 10.0
"""Beyond these a temperature follows a few texts: it falls towards 0 where dev is answered without an error."""
MIN_TEXTS = 50
"""A fit of one number costs 1 / (2n) nats of log loss on new texts, on average: of fewer texts more than 0.01."""
DIGITS = 4
"""Decimal places of a temperature: it is as it is printed."""


@dataclass(frozen=True)
class Scaled:
    """A rule with its fitted temperature, or with a temperature of 1 and the reason for it."""

    decision: AnyDecision
    note: str = ""


def scaled(decision: AnyDecision, logits: Floats, labels: Labels) -> Scaled:
    """The rule with the temperature of the least log loss of logits `[texts, classes]` against the labels of dev.

    It gives the same answers as before. The temperature stays 1, and `note` says why, for fewer than MIN_TEXTS texts, for
    a temperature beyond LOWEST and HIGHEST, and for a threshold among more than two labels.
    """
    if isinstance(decision, Decision) and decision.threshold is not None and logits.shape[1] > 2:
        return Scaled(
            decision,
            "among more than two labels, the threshold of one has no counterpart in calibrated probabilities",
        )
    known = labels != UNLABELLED
    n_texts = int((known if known.ndim == 1 else known.any(axis=1)).sum())
    if n_texts < MIN_TEXTS:
        return Scaled(decision, f"dev has {n_of(n_texts, 'labelled text')}, and {MIN_TEXTS} are needed to fit one")
    temperature = fitted_temperature(logits, labels)
    if not LOWEST <= temperature <= HIGHEST:
        beyond = (
            f"below {LOWEST:g}, because dev has hardly an error or the logits are very small"
            if temperature < LOWEST
            else f"above {HIGHEST:g}, because the logits say nothing of the labels of dev"
        )
        return Scaled(decision, f"the best one on dev is {beyond}")
    return Scaled(replace(decision, temperature=round(temperature, DIGITS)))


def fitted_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature T with the least log loss of `softmax(logits / T)`, or `sigmoid(logits / T)` for several labels a text.

    Unknown labels do not count. It is 0 if the loss falls down to LOWEST, and infinity if it falls up to HIGHEST.
    """
    from scipy.optimize import brentq  # It takes a second to import.

    slope = _slope_of_sets if labels.ndim == 2 else _slope
    known = labels != UNLABELLED
    rows = (
        (logits.astype(np.float64), labels) if labels.ndim == 2 else (logits[known].astype(np.float64), labels[known])
    )

    # In 1 / T the log loss is convex: its slope rises, and crosses zero at most once.
    if slope(1 / LOWEST, *rows) <= 0:
        return 0.0
    if slope(1 / HIGHEST, *rows) >= 0:
        return float("inf")
    return 1 / float(brentq(slope, 1 / HIGHEST, 1 / LOWEST, args=rows, xtol=1e-9))


def _slope(inverse: float, logits: Floats, labels: Labels) -> float:
    """The derivative of the mean log loss by 1 / T: the expected logit less that of the label."""
    expected = (softmax(logits * inverse) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())


def _slope_of_sets(inverse: float, logits: Floats, labels: Labels) -> float:
    """The same over all known pairs of a text and a label."""
    return float(((sigmoid(logits * inverse) - (labels == 1)) * logits)[labels != UNLABELLED].mean())
