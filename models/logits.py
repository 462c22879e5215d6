"""The accuracy and the confidence of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def accuracy_of(logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> float:
    """The share of the texts whose largest logit `[texts, classes]` is that of their label."""
    return float((logits.argmax(1) == labels).mean())


def probabilities(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax of logits `[..., classes]`."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    found: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return found
