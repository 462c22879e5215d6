"""From probabilities to the class that is answered: the likeliest, or one class from a threshold on.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Decision:
    """The rule that turns probabilities into an answer.

    Without a threshold the answer is the class with the largest probability. With one, the class `index` is the answer
    if its probability is at least `threshold`, and the likeliest of the others if it is not.
    """

    index: int = 0
    threshold: float | None = None

    def of_probabilities(self, probabilities: Floats) -> NDArray[np.int64]:
        """The answered class `[texts]` of probabilities `[texts, classes]`."""
        if self.threshold is None:
            return np.asarray(probabilities.argmax(axis=1))
        others = probabilities.copy()
        others[:, self.index] = -1.0
        is_class = probabilities[:, self.index] >= self.threshold
        answers: NDArray[np.int64] = np.where(is_class, self.index, others.argmax(axis=1))
        return answers

    def of_logits(self, logits: Floats) -> NDArray[np.int64]:
        """The answered class `[texts]` of logits `[texts, classes]`."""
        if self.threshold is None:
            return np.asarray(logits.argmax(axis=1))
        return self.of_probabilities(softmax(logits))

    def named(self, labels: Sequence[str]) -> dict[str, float]:
        """The threshold as a checkpoint keeps it: by the name of its class, and empty without one."""
        return {} if self.threshold is None else {labels[self.index]: self.threshold}


LIKELIEST = Decision()


def decision_of(thresholds: Mapping[str, float], labels: Sequence[str]) -> Decision:
    """The rule that a checkpoint keeps as `thresholds`, a probability by the name of its class.

    Raises ValueError for another class than those in `labels`, for more than one, and for what is no probability.
    """
    if not thresholds:
        return LIKELIEST
    (label, threshold), *more = thresholds.items()
    if more or label not in labels:
        raise ValueError(f"thresholds must name one of the labels, but got {list(thresholds)}")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ValueError(f"the threshold of {label!r} must be a probability, but got {threshold!r}")
    return Decision(list(labels).index(label), float(threshold))


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits, `[texts, classes]` both."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
