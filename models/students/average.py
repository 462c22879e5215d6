"""The mean of the word vectors and a feed-forward layer (a deep averaging network, Iyyer et al. 2015): the fastest."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distune.models.students.embedding import StudentShape
from distune.models.students.units import PrunedBody


class AverageConfig(StudentShape, frozen=True):
    """The averaged-word-vector student."""

    kind: Literal["average"]
    hidden_layer: int = Field(default=64, ge=0, le=4096)


class NoBody(nn.Module):
    """The words as they are, each for itself."""

    def __init__(self, config: AverageConfig, n_inputs: int) -> None:
        super().__init__()
        self.output_size = n_inputs

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """The vectors `[batch, length, n_inputs]` themselves, of which those of the padding are zero."""
        return vectors


def keep_words(body: NoBody, config: AverageConfig, keep: float) -> PrunedBody:
    """All of it: it has no units of its own."""
    return PrunedBody(config, body, torch.arange(body.output_size))
