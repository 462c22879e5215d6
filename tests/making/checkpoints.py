"""Small checkpoints of every family and compression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from distune.corpora import encoding
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.compression.trained import Trained
from distune.models.students.config import AnyStudentConfig
from distune.models.students.student import Student

VOCABULARY = ("[PAD]", "[UNK]", "好", "差", "书", "酒店", "\u2028")


def student_of(config: AnyStudentConfig, n_classes: int = 2) -> Student:
    torch.manual_seed(1)
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    vectors[0] = 0
    return config.build(vectors, n_classes).eval()


def checkpoint_of(config: AnyStudentConfig, labels: Sequence[str] = ("bad", "good")) -> Checkpoint:
    tokens = {"kind": "characters", "max_tokens": 9}
    return Checkpoint(
        trained=Trained(student_of(config, len(labels)), config),
        tokens=tokens,
        vocabulary=VOCABULARY,
        dimension=4,
        labels=labels,
    )


def save_student(checkpoint: Checkpoint, folder: Path, card: str = "") -> Path:
    """Write the checkpoint folder, as a search does; returns it."""
    return save_checkpoint(checkpoint, folder, card, Path(encoding.__file__))
