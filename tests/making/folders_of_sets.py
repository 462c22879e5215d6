"""Checkpoint folders of several labels a text, and the sets that they must answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import Checkpoint
from distune.models.decision import EachLabel
from distune.models.predictor import Predictor
from tests.making.checkpoints import save_student

LABELS = ("late", "broken", "praise")
TEXTS = ["好书", "差酒店", "好", "书", "差", "xyz"]


def folder_of_sets(checkpoint: Checkpoint, texts: Any, place: Path) -> Path:
    """The folder of a checkpoint that answers each label for about half of the texts: the thresholds lie between two of its
    probabilities."""
    even = replace(checkpoint, decision=EachLabel((0.5,) * len(checkpoint.labels)))
    folder = save_student(even, place / "even")
    ordered = np.sort(Predictor(folder, load_encoder(folder)).probabilities(texts), axis=0)
    thresholds = ordered[len(texts) // 2 - 1 : len(texts) // 2 + 1].mean(axis=0, dtype=np.float64)
    by_thresholds = replace(checkpoint, decision=EachLabel(tuple(map(float, thresholds))))
    return save_student(by_thresholds, place / "student", "# card\n")


def sets_by_hand(folder: Path, texts: Any) -> list[list[str]]:
    """The labels of each text with a sigmoid of its logit from the threshold in `config.json` on."""
    thresholds = json.loads((folder / "config.json").read_text(encoding="utf-8"))["thresholds"]
    logits = Predictor(folder, load_encoder(folder)).logits(texts)
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    return [
        [label for label, logit in zip(labels, row, strict=True) if 1 / (1 + np.exp(-logit)) >= thresholds[label]]
        for row in logits
    ]
