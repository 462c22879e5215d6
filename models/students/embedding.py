"""The common part of all families: from token ids to word vectors (static, tuned, or one channel of each)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distune.models.layers.dropout import Dropout
from distune.models.layers.table import Table
from distune.models.students.config import Channels, StudentShape


class WordEmbedding(nn.Module):
    """`[batch, length]` token ids to `[batch, length, output_size]`; padding is zero."""

    def __init__(self, vectors: Tensor, channels: Channels) -> None:
        super().__init__()
        frozen = {"tuned": [False], "static": [True], "both": [False, True]}[channels]
        self.tables: Any = nn.ModuleList(
            Table(len(vectors), vectors.shape[1], padding_idx=0, _weight=vectors.clone()) for _ in frozen
        )
        for table, is_frozen in zip(self.tables, frozen, strict=True):
            table.requires_grad_(not is_frozen)
        self.output_size = vectors.shape[1] * len(frozen)
        self.n_tokens, self.is_trimmed = len(vectors), False

    def forward(self, token_ids: Tensor) -> Tensor:
        if self.is_trimmed:  # Words beyond those that were kept are the unknown word.
            token_ids = torch.where(token_ids < self.n_tokens, token_ids, 1)
        channels = [table(token_ids) for table in self.tables]
        return channels[0] if len(channels) == 1 else torch.cat(channels, dim=-1)


def classifier_head(n_inputs: int, shape: StudentShape, n_classes: int) -> nn.Sequential:
    """A linear layer to the logits, after the hidden layers."""
    layers: list[nn.Module] = []
    for _ in range(shape.hidden_layers if shape.hidden_layer else 0):
        layers += [Dropout(shape.dropout), nn.Linear(n_inputs, shape.hidden_layer), nn.ReLU()]
        n_inputs = shape.hidden_layer
    return nn.Sequential(*layers, Dropout(shape.dropout), nn.Linear(n_inputs, n_classes))
