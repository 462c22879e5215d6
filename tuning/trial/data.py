"""The common data of the trials of one kind of tokens and vectors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import Encoder
from distune.corpora.tokens import TokenIds
from distune.tuning.metric.metric import BY_ACCURACY
from distune.tuning.metric.task import AnyMetric
from distune.tuning.trial.config import TrialConfig


@dataclass(frozen=True, kw_only=True)
class TrialData:
    """The data of a trial, the same for all trials of one `tokens` and `vectors`, without the test split.

    The rows of train, transfer and augmented texts are one: `labels` is `[rows]`, -1 outside of train. If a text has
    several labels, it is `[rows, labels]` of 1, 0 and -1. `iterations`
    `[rows]` is 0 except for augmented texts, `teacher_logits` `[teachers, rows, classes]`, `teacher_weights`
    `[teachers]` and `teacher_hidden` `[rows, width]`.
    """

    train: TokenIds
    labels: NDArray[np.integer[Any]]
    iterations: NDArray[np.int32]
    teacher_logits: NDArray[np.float32]
    teacher_weights: NDArray[np.float32]
    teacher_hidden: NDArray[np.float16]
    dev: TokenIds
    dev_labels: NDArray[np.integer[Any]]
    vectors: NDArray[np.float32]
    metric: AnyMetric = BY_ACCURACY
    """The metric by which epochs are compared on dev."""

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has several labels."""
        return self.labels.ndim == 2

    @property
    def n_classes(self) -> int:
        return int(self.teacher_logits.shape[-1])


@dataclass(frozen=True)
class Inputs:
    """All that trials of one `tokens` and `vectors` share; `data` is what travels to them."""

    data: TrialData
    encoder: Encoder
    vocabulary: tuple[str, ...]
    encode_ms: float
    """From raw text to token ids, which a trial adds to its network's milliseconds."""


def inputs_key(config: TrialConfig) -> str:
    """16 hex digits over what the data of a trial depends on; fewer augmented texts are a part of more."""
    augment = config.augment.model_dump_json(exclude={"n_iter"})
    text = config.tokens.model_dump_json() + config.vectors.model_dump_json() + augment
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
