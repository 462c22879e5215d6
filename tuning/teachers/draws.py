"""The students that a teacher is made of, drawn from a space; what trains them is in students.py, with torch."""

from __future__ import annotations

import numpy as np

from distune.models.compression.config import NoCompressionConfig
from distune.tuning.study.points import draw
from distune.tuning.study.space import Space
from distune.tuning.trial.config import TrialConfig


def draw_students(space: Space, n_trials: int, seed: int) -> list[TrialConfig]:
    """Students drawn from a space that learn from labels alone and are not compressed, each with a seed of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n_trials):
        plain = TrialConfig.model_validate(draw(space, rng)).plain()
        found.append(plain.model_copy(update={"compression": NoCompressionConfig(), "seed": seed + number}))
    return found
