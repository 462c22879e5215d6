"""A small transformer encoder, normalised before each part (Vaswani et al. 2017; Xiong et al. 2020)."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from distune.models.layers.attention import attention
from distune.models.layers.dropout import Dropout
from distune.models.students.config import TransformerConfig
from distune.models.students.pooling import inside
from distune.models.students.units import PrunedBody, largest_units


class Block(nn.Module):
    """Self-attention and a feed-forward part, each added to what came in."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        size = config.heads * config.head_size
        self.heads, self.head_size = config.heads, config.head_size
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.queries_keys_values, self.output = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.feedforward = nn.Sequential(
            nn.Linear(size, config.feedforward), nn.GELU(), nn.Linear(config.feedforward, size)
        )
        self.dropout = Dropout(config.dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        batch, length, size = states.shape
        split = self.queries_keys_values(self.attention_norm(states)).view(batch, length, 3, self.heads, self.head_size)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        attended = attention(queries, keys, values, mask)
        states = states + self.dropout(self.output(attended.transpose(1, 2).reshape(batch, length, size)))
        result: Tensor = states + self.dropout(self.feedforward(self.feedforward_norm(states)))
        return result


class Transformer(nn.Module):
    def __init__(self, config: TransformerConfig, n_inputs: int) -> None:
        super().__init__()
        self.output_size = config.heads * config.head_size
        self.project = nn.Linear(n_inputs, self.output_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(self.output_size)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States `[batch, length, heads * head_size]`, zero beyond a text's end."""
        in_text = inside(lengths, vectors.shape[1])
        states = self.project(vectors) + positions(vectors.shape[1], self.output_size).to(vectors.device)
        for block in self.blocks:
            states = block(states, in_text.unsqueeze(1).unsqueeze(1))
        zeroed: Tensor = self.norm(states) * in_text.unsqueeze(2)
        return zeroed


def positions(length: int, size: int) -> Tensor:
    """Sines and cosines `[length, size]` of falling frequency (Vaswani et al. 2017, section 3.5)."""
    frequencies = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    angles = torch.arange(length).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def keep_feedforward(body: Transformer, config: TransformerConfig, keep: float) -> PrunedBody:
    """The part `keep` of the units of each feed-forward part, those with the largest weights; the states stay as wide."""
    smaller = config.model_copy(update={"feedforward": max(1, round(config.feedforward * keep))})
    new = copy.deepcopy(body)
    blocks: Any = new.blocks
    for block in blocks:
        first, activation, second = block.feedforward
        units = largest_units(
            first.weight.detach().square().sum(dim=1) + second.weight.detach().square().sum(dim=0), smaller.feedforward
        )
        block.feedforward = nn.Sequential(
            nn.Linear(first.in_features, len(units)), activation, nn.Linear(len(units), second.out_features)
        )
        for new_layer, weight, bias in (
            (block.feedforward[0], first.weight[units], first.bias[units]),
            (block.feedforward[2], second.weight[:, units], second.bias),
        ):
            new_layer.weight.data.copy_(weight.detach())
            new_layer.bias.data.copy_(bias.detach())
    return PrunedBody(smaller, new, torch.arange(body.output_size))
