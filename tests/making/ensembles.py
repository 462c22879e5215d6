"""A study whose teacher is made of students, tiny ones, trained for an epoch."""

from typing import Any

import pytest

SPACE = {
    "tokens": {"kind": "characters", "min_count": 1},
    "vectors": {"kind": "random", "dimension": 4},
    "student": {"kind": "average", "hidden_layer": {"choice": [0, 4]}},
    "loss": {"kd_weight": {"between": [0.5, 1]}, "label_smoothing": 0.1},
    "augment": {"n_iter": {"between": [0, 1]}},
    "compression": {"kind": "half"},
    "learning_rate": {"log": [0.01, 0.1]},
    "epochs": 1,
}


@pytest.fixture
def taught(document: dict[str, Any]) -> dict[str, Any]:
    """A study whose teacher is two of three students."""
    return {**document, "teacher": {"students": {"trials": 3, "members": 2}}, "trial": SPACE}
