"""The frame of all student families, and what they share: batching, answering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distune.models.layers.dropout import Dropout
from distune.models.students.config import AverageConfig, StudentShape
from distune.models.students.embedding import WordEmbedding, classifier_head
from distune.models.students.pairs import N_STATES, Overlap, Siamese, pair_reader
from distune.models.students.pooling import build_pooling
from distune.models.training.batches import sorted_batches

WIDE = 512
"""Units of a hidden layer from which on it pays to multiply by it in bf16."""


class Student(nn.Module):
    """Word vectors, what the family does with them, pooling over the text, and a head."""

    def __init__(self, config: StudentShape, vectors: Tensor, n_classes: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(vectors, config.channels)
        self.dropout = Dropout(config.dropout)
        self.body = config.build_body(self.embedding.output_size)
        self.n_features: int = self.body.output_size  # type: ignore[assignment]
        self.pooling = build_pooling(config.pooling, self.n_features)
        self.norm = nn.LayerNorm(self.n_features) if config.layer_norm else nn.Identity()
        self.pair = pair_reader(config.pair)
        self.n_features *= N_STATES[config.pair]
        self.overlap = Overlap(self.embedding.output_size, config.pair == "symmetric") if config.overlap else None
        self.n_features += Overlap.n_features if config.overlap else 0
        self.head = classifier_head(self.n_features, config, n_classes)

    def pooled(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """The input of the head for each text or pair, `[batch, features]`; hidden states of a teacher are compared with it."""
        ids, n_tokens = self.pair.texts(token_ids, lengths)
        embedded = self.embedding(ids)
        features = self.pair.features(self._read(embedded, n_tokens))
        if self.overlap is None:
            return features
        sides = self.pair.sides(ids, self.overlap.scores(embedded), n_tokens)
        return torch.cat([features, self.overlap(*sides)], dim=1)

    def state(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """The state of each text `[batch, output_size of the body]`."""
        return self._read(self.embedding(token_ids), lengths)

    def _read(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        states = self.body(self.dropout(embedded), lengths)
        state: Tensor = self.norm(self.pooling(states, lengths))
        return state

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[batch, classes]` of `[batch, length]` token ids, of which the first `lengths` `[batch]` count."""
        logits: Tensor = self.head(self.pooled(token_ids, lengths))
        return logits


class WithStates(nn.Module):
    """A siamese student that gives its logits and the states of both texts of each pair."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[batch, classes]`, and states `[2 * batch, output_size of the body]`: all first texts, then all second ones."""
        states = self.student.state(*self.student.pair.texts(token_ids, lengths))
        return self.student.head(self.student.pair.features(states)), states


def has_states(student: nn.Module) -> bool:
    """Whether a student reads each text of a pair by itself and compares nothing but their states; a plug that answers in a
    way of its own does not count."""
    return (
        isinstance(student, Student)
        and isinstance(student.pair, Siamese)
        and student.overlap is None
        and type(student).forward is Student.forward
        and type(student).pooled is Student.pooled
    )


def is_faster_in_bf16(config: StudentShape) -> bool:
    """Whether its products are so large that bf16 saves more than the casts to it and back cost."""
    return not isinstance(config, AverageConfig) or config.hidden_layer >= WIDE


def count_parameters(student: nn.Module) -> int:
    return sum(parameter.numel() for parameter in student.parameters())


def pad(rows: Sequence[NDArray[np.integer[Any]]]) -> tuple[Tensor, Tensor]:
    """Token ids `[batch, longest]`, filled up with 0, and lengths `[batch]`."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    token_ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
    token_ids[np.arange(token_ids.shape[1]) < lengths[:, None]] = np.concatenate(rows)
    return torch.from_numpy(token_ids), torch.from_numpy(lengths)


@torch.inference_mode()
def student_logits(
    student: nn.Module, rows: Sequence[NDArray[np.integer[Any]]], batch_size: int = 128
) -> NDArray[np.float32]:
    """Logits `[rows, classes]` in the order of `rows`; the student is in eval mode for it and then as it was."""
    was_training, device = student.training, next(student.parameters()).device
    student.eval()
    batches = sorted_batches(np.array([len(row) for row in rows]), batch_size)
    answers = []
    for batch in batches:
        token_ids, lengths = pad([rows[i] for i in batch])
        answers.append(student(token_ids.to(device), lengths.to(device)).cpu().numpy())
    student.train(was_training)
    logits = np.empty((len(rows), answers[0].shape[1]), dtype=np.float32)
    logits[np.concatenate(batches)] = np.concatenate(answers)
    return logits
