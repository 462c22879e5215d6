"""Answers of a student and its teacher to five texts of two labels."""

from __future__ import annotations

import numpy as np

from distune.tuning.champion.answers import Answers


def logits(*of_good: float) -> np.ndarray:
    """Logits of two classes, by the probability of the second."""
    second = np.array(of_good)
    return np.log(np.stack([1 - second, second], axis=1)).astype(np.float32)


TEXTS = ("一", "二", "三", "四", "五")
ANSWERS = Answers(
    trial=3,
    names=("差", "好"),
    labels=np.array([1, 0, 1, 0, 0]),
    teacher=logits(0.9, 0.8, 0.9, 0.2, 0.7),
    student=logits(0.6, 0.3, 0.2, 0.1, 0.95),
)
