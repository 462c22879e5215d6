"""A small corpus whose texts have several labels, and a file of logits of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LABELS = ("broken", "late", "praise", "price")
SIGNS = ("坏", "迟", "好", "贵")
"""A text has a label if it has this character."""
THINGS = ("快递", "酒店", "手机", "电影", "餐厅")


def tickets(n_texts: int = 160, seed: int = 0) -> list[tuple[str, list[str]]]:
    """Texts with their labels, of which each has between none and four."""
    rng = np.random.default_rng(seed)
    has = rng.random((n_texts, 4)) < (0.3, 0.35, 0.45, 0.2)
    return [
        (
            "".join(sign for sign, one in zip(SIGNS, row, strict=True) if one) + THINGS[place % 5] + str(place),
            [label for label, one in zip(LABELS, row, strict=True) if one],
        )
        for place, row in enumerate(has)
    ]


def write_tickets(path: Path, rows: list[tuple[str, list[str]]] | None = None) -> Path:
    """JSON lines of `text` and `labels`."""
    lines = [json.dumps({"text": text, "labels": labels}, ensure_ascii=False) for text, labels in rows or tickets()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def logits_of(texts: list[str], seed: int = 0, noise: float = 1.0) -> NDArray[np.float64]:
    """Logits `[texts, labels]` of a good teacher, around 3 for a label that a text has and -3 for the others."""
    has = np.array([[sign in text for sign in SIGNS] for text in texts])
    found: NDArray[np.float64] = np.where(has, 3.0, -3.0) + noise * np.random.default_rng(seed).normal(size=has.shape)
    return found


def write_logits(path: Path, texts: list[str], values: NDArray[np.float64], prefix: str = "logit_") -> Path:
    """CSV of the texts, and of a column of these values for each label."""
    lines = [
        ",".join([text, *(format(one, ".9g") for one in row)]) for text, row in zip(texts, values.tolist(), strict=True)
    ]
    header = ",".join(["text", *(f"{prefix}{label}" for label in LABELS)])
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def study_of(folder: Path, teacher: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A study of the tickets, whose teacher is a file of logits unless another is given."""
    source = write_tickets(folder / "tickets.jsonl")
    texts = [text for text, _ in tickets()]
    if teacher is None:
        teacher = {"logits": str(write_logits(folder / "logits.csv", texts, logits_of(texts)))}
    return {
        "name": "tickets",
        "corpus": {
            "source": str(source),
            "label": "labels",
            "multi_label": True,
            "dev_fraction": 0.3,
            "test_fraction": 0.2,
        },
        "teacher": teacher,
        "trial": {
            "tokens": {"kind": "characters", "min_count": 1},
            "vectors": {"kind": "random", "dimension": 4},
            "student": {"kind": "average"},
            "loss": {"kd_weight": {"between": [0.5, 1]}},
            "learning_rate": {"log": [0.01, 0.1]},
            "epochs": 1,
        },
        "search": {"trials": 2, "seeds": 1, "finalists": 1},
        "storage": str(folder / "storage"),
        "tracking": {"uri": f"sqlite:///{folder}/mlflow.db"},
        **more,
    }
