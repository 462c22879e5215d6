"""The mean of the word vectors and a feed-forward layer (a deep averaging network, Iyyer et al. 2015): the fastest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distune.models.students.config import AverageConfig
from distune.models.students.units import PrunedBody


class NoBody(nn.Module):
    """The words as they are, each for itself."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.output_size = n_inputs

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """The vectors `[batch, length, n_inputs]` themselves, of which those of the padding are zero."""
        return vectors


def keep_words(body: NoBody, config: AverageConfig) -> PrunedBody:
    """All of it: it has no units of its own."""
    return PrunedBody(config, body, torch.arange(body.output_size))
