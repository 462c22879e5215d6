"""Token ids to word vectors: static, tuned, or one channel of each (Kim 2014, section 2.1)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Channels = Literal["tuned", "static", "both"]


class WordEmbedding(nn.Module):
    """`[batch, length]` token ids to `[batch, length, output_size]`; padding is zero."""

    def __init__(self, vectors: Tensor, channels: Channels) -> None:
        super().__init__()
        frozen = {"tuned": [False], "static": [True], "both": [False, True]}[channels]
        self.tables = nn.ModuleList(
            nn.Embedding(len(vectors), vectors.shape[1], padding_idx=0, _weight=vectors.clone()) for _ in frozen
        )
        for table, is_frozen in zip(self.tables, frozen, strict=True):
            table.requires_grad_(not is_frozen)
        self.output_size = vectors.shape[1] * len(frozen)

    def forward(self, token_ids: Tensor) -> Tensor:
        channels = [table(token_ids) for table in self.tables]
        return channels[0] if len(channels) == 1 else torch.cat(channels, dim=-1)


def classifier_head(n_inputs: int, hidden_layer: int, dropout: float, n_classes: int) -> nn.Sequential:
    """A linear layer to the logits, after a hidden layer of that many units where it is not 0."""
    hidden = [nn.Dropout(dropout), nn.Linear(n_inputs, hidden_layer), nn.ReLU()] if hidden_layer else []
    return nn.Sequential(*hidden, nn.Dropout(dropout), nn.Linear(hidden_layer or n_inputs, n_classes))
