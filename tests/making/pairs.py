"""Students of pairs of texts, and pairs for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch

from distune.models.checkpoint import Checkpoint
from distune.models.compression.trained import Trained
from distune.models.students.config import AnyStudentConfig
from tests.conftest import student_variants

FAMILIES = [student_variants(family)[0] for family in get_args(AnyStudentConfig)]
VOCABULARY = ("[PAD]", "[UNK]", "[SEP]", "好", "差", "书", "店")
TOKENS = {"kind": "characters", "max_tokens": 4, "max_ngram": 1, "cut": "pairs_as_spelt"}
ROWS = [[3, 2, 4], [3, 4, 5, 2, 6], [5, 2, 3, 4, 6, 3], [1, 2, 1]]
PAIRS = [("好书", "差"), ("店", "好店书"), ("？", "好")]


def pair_student(config: AnyStudentConfig, pair: str, overlap: bool = False) -> torch.nn.Module:
    torch.manual_seed(1)
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    vectors[0] = 0
    student = config.model_copy(update={"pair": pair, "overlap": overlap}).build(vectors, 2).eval()
    if overlap:
        torch.nn.init.normal_(student.overlap.score.weight)
    return student


def pair_checkpoint(labels: Sequence[str] = ("no", "yes"), overlap: bool = False) -> Checkpoint:
    """The checkpoint of a siamese student."""
    config = FAMILIES[0].model_copy(update={"pair": "siamese", "overlap": overlap})
    return Checkpoint(
        trained=Trained(pair_student(FAMILIES[0], "siamese", overlap), config),
        tokens=TOKENS,
        vocabulary=VOCABULARY,
        dimension=4,
        labels=labels,
    )
