"""Little reviews as a corpus, and a study of them."""

from pathlib import Path
from typing import Any

import numpy as np

GOOD = ("好", "喜欢", "满意", "推荐", "很快")
BAD = ("差", "讨厌", "失望", "退货", "很慢")
THINGS = ("这本书", "手机", "酒店", "快递", "水果", "衣服", "电脑", "洗发水", "屏幕", "客服")


def reviews(n: int) -> list[tuple[str, str]]:
    """Distinct little reviews (text, label), as many good as bad."""
    rng = np.random.default_rng(3)
    rows: dict[str, str] = {}
    while len(rows) < n:
        label = len(rows) % 2
        words = rng.choice(GOOD if label else BAD, 2)
        rows[f"{rng.choice(THINGS)}{words[0]}，{rng.choice(THINGS)}{words[1]}{len(rows)}"] = str(label)
    return list(rows.items())


def tiny_document(root: Path, reviews_csv: Path, teacher_folder: Path) -> dict[str, Any]:
    """A study as a document, which keeps all its files under `root`."""
    return {
        "name": "tiny",
        "corpus": {"source": str(reviews_csv), "labelled": 20, "dev_fraction": 0.2, "test_fraction": 0.2},
        "teacher": {"checkpoint": str(teacher_folder), "max_length": 32},
        "storage": str(root / "storage"),
        "search": {"trials": 4, "finalists": 1, "seeds": 2, "scheduler": "none"},
        "champion": {"max_latency_ms": 1000.0},
        "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}", "register_as": "tiny-student"},
        "trial": {
            "tokens": {"kind": "words", "min_count": 1},
            "vectors": {"kind": "random", "dimension": 8},
            "student": [
                {"kind": "bilstm", "hidden_size": {"choice": [4, 8]}},
                {"kind": "average", "hidden_layer": {"between": [0, 8]}},
            ],
            "loss": {
                "kd_weight": {"between": [0.5, 1]},
                "teacher_term": [{"kind": "kl", "temperature": {"log": [1, 20]}}, {"kind": "mse"}],
            },
            "learning_rate": {"log": [0.001, 0.1]},
            "epochs": 2,
        },
    }
