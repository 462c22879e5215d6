"""From the states of a text's positions to one vector. States beyond a text's end must be zero."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from distune.models.students.config import PoolingKind


def inside(lengths: Tensor, length: int) -> Tensor:
    """`[batch, length]`, true at the positions of the text and false at those of its padding."""
    return torch.arange(length, device=lengths.device).unsqueeze(0) < lengths.unsqueeze(1)


class Mean(nn.Module):
    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """`[batch, features]` of `[batch, length, features]`."""
        # The states beyond the end are zero, hence the sum over all positions is the sum over the text.
        return states.sum(dim=1) / lengths.unsqueeze(1)


class Maximum(nn.Module):
    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        outside = ~inside(lengths, states.shape[1]).unsqueeze(2)
        return states.masked_fill(outside, float("-inf")).amax(dim=1)


class Attention(nn.Module):
    """The mean weighted by a learned score of each state (Yang et al. 2016, equations 5 to 7, without their layer)."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_features, 1, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        scores = self.score(states).squeeze(2).masked_fill(~inside(lengths, states.shape[1]), float("-inf"))
        return torch.bmm(scores.softmax(dim=1).unsqueeze(1), states).squeeze(1)


def build_pooling(kind: PoolingKind, n_features: int) -> nn.Module:
    builders: dict[PoolingKind, Callable[[], nn.Module]] = {
        "mean": Mean,
        "max": Maximum,
        "attention": lambda: Attention(n_features),
    }
    return builders[kind]()
