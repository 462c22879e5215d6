"""A search space with every kind of range."""

from typing import Any

RAW: dict[str, Any] = {
    "tokens": {"kind": "words", "max_tokens": {"choice": [32, 64]}},
    "vectors": {"kind": "random", "dimension": {"choice": [8, 16]}},
    "student": [
        {"kind": "bilstm", "hidden_size": {"choice": [4, 8]}, "hidden_layer": {"choice": [0, 8]}},
        {"kind": "average", "hidden_layer": {"between": [0, 8]}},
    ],
    "loss": {
        "kd_weight": {"between": [0, 1]},
        "teacher_term": [{"kind": "kl", "temperature": {"log": [1, 16]}}, {"kind": "mse"}],
    },
    "learning_rate": {"log": [0.0001, 0.01]},
}
