"""How right a model is on the texts of which it is sure, when it leaves the others unanswered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import AnyDecision, confidences
from distune.tuning.metric.task import AnyMetric, task_of_metric

SHARES = (1.0, 0.95, 0.9, 0.8, 0.7)
"""The shares of the texts that are answered in the table of a card."""
DIGITS = 6
"""Decimal places of a confidence: those of a probability in an answer."""
Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Covered:
    """The texts that are answered if at least a share of all must be: those with a confidence of `abstain_below` or more."""

    asked: float
    """The share that was asked for."""
    share: float
    """The share that is answered: more than asked if several texts are equally sure."""
    abstain_below: float
    accuracy: float
    """The part of the answers that is right; with several labels a text, the part whose labels are all right."""
    score: float | None
    """The score by the metric of the study; None if it is the accuracy, or depends on more than the answers. It is None too if
    the answered texts have one class alone, no label at all, or none of the metric's own."""


def sureness(decision: AnyDecision, logits: Floats) -> Floats:
    """How sure the answer to each text is, `[texts]`, in the digits of an answer."""
    found: Floats = confidences(decision.of_logits(logits), decision.probabilities(logits.astype(np.float64)))
    return found.round(DIGITS)


def curve(confidence: Floats, is_right: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The accuracy on the 1, 2, ... most confident of all texts, and the confidence of the last of them.

    Among texts that are equally sure, every order is as likely as any other: the accuracy is the mean over all of them.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, right = confidence[order], is_right[order].astype(np.float64)
    _, first, counts = np.unique(-sure, return_index=True, return_counts=True)
    shares = np.add.reduceat(right, first) / counts
    accuracy: Floats = np.cumsum(np.repeat(shares, counts)) / np.arange(1, len(right) + 1)
    return accuracy, sure


def area_under_risk(confidence: Floats, is_right: NDArray[np.bool_]) -> float:
    """The area under the risk-coverage curve: the mean error on the 1, 2, ... most confident texts (Geifman et al. 2019). A model
    whose errors are those of which it is least sure has a small one."""
    accuracy, _ = curve(confidence, is_right)
    return float((1 - accuracy).mean())


def at_shares(metric: AnyMetric, decision: AnyDecision, logits: Floats, labels: Labels) -> tuple[Covered, ...]:
    """A model at each of SHARES of the texts, those that it is most confident of."""
    task, confidence = task_of_metric(metric), sureness(decision, logits)
    is_right = task.right(decision.of_logits(logits), labels)
    ordered, found = np.sort(confidence)[::-1], []
    has_score = metric.is_of_answers and metric.config.kind != task.beside[0].kind
    for asked in SHARES:
        below = float(ordered[math.ceil(asked * len(ordered) - 1e-9) - 1])
        kept = confidence >= below
        is_scored = has_score and _is_scorable(metric, labels[kept])
        found.append(
            Covered(
                asked=asked,
                share=float(kept.mean()),
                abstain_below=below,
                accuracy=float(is_right[kept].mean()),
                score=metric.score(logits[kept], labels[kept], decision) if is_scored else None,
            )
        )
    return tuple(found)


def _is_scorable(metric: AnyMetric, labels: Labels) -> bool:
    """Whether a score of these texts says something: scikit-learn warns of one class, and an F1 of nothing is 0."""
    if labels.ndim == 2:
        has = labels == 1
        return bool((has if metric.index is None else has[:, metric.index]).any())
    return len(np.unique(labels)) > 1 and (metric.index is None or bool((labels == metric.index).any()))
