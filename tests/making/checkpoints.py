"""Small checkpoints of every family and compression."""

from __future__ import annotations

import numpy as np
import torch

from distune.models.checkpoint import Checkpoint
from distune.models.compression.trained import Trained
from distune.models.students.config import AnyStudentConfig
from distune.models.students.student import Student

VOCABULARY = ("[PAD]", "[UNK]", "好", "差", "书", "酒店", "\u2028")


def student_of(config: AnyStudentConfig) -> Student:
    torch.manual_seed(1)
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    vectors[0] = 0
    return config.build(vectors, 2).eval()


def checkpoint_of(config: AnyStudentConfig) -> Checkpoint:
    tokens = {"kind": "characters", "max_tokens": 9}
    return Checkpoint(
        trained=Trained(student_of(config), config),
        tokens=tokens,
        vocabulary=VOCABULARY,
        dimension=4,
        labels=("bad", "good"),
    )
