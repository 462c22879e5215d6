"""Convolutions over word vectors, by default pooled to their maximum over the text (Kim 2014)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distune.models.students.config import TextCNNConfig
from distune.models.students.pooling import inside
from distune.models.students.units import PrunedBody, largest_units


class Convolutions(nn.Module):
    def __init__(self, config: TextCNNConfig, n_inputs: int) -> None:
        super().__init__()
        self.output_size = config.filters * config.widths
        widths = range(config.width, config.width + config.widths)
        sizes = [n_inputs] + [self.output_size] * (config.layers - 1)
        layers = [nn.ModuleList(nn.Conv1d(size, config.filters, width) for width in widths) for size in sizes]
        self.layers: Any = nn.ModuleList(layers)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States `[batch, length, filters * widths]`, zero beyond a text's end."""
        in_text = inside(lengths, vectors.shape[1]).unsqueeze(1)
        states = (vectors * in_text.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            # As many positions out as in; what a window reads beyond the text is zero, as in a text that stands alone.
            joined = self.training and is_faster_joined([conv.kernel_size[0] for conv in layer])
            windows = joined_windows(layer, states) if joined else each_windows(layer, states)
            states = torch.relu(windows) * in_text
        return states.transpose(1, 2)


def is_faster_joined(widths: list[int]) -> bool:
    """Whether filters of several widths are faster as one convolution, for which the narrow ones are filled up with zeros."""
    return len(widths) > 1 and max(widths) * len(widths) <= 1.5 * sum(widths)


def each_windows(layer: Any, states: Tensor) -> Tensor:
    """`[batch, filters * widths, length]` of states `[batch, features, length]`."""
    return torch.cat([conv(nn.functional.pad(states, _margins(conv))) for conv in layer], dim=1)


def joined_windows(layer: Any, states: Tensor) -> Tensor:
    """The same by one convolution, which reads and lays out the states once."""
    left, right = _margins(layer[-1])
    # Each filter is filled up on the sides on which the widest one reaches further.
    filters = [nn.functional.pad(conv.weight, (left - _margins(conv)[0], right - _margins(conv)[1])) for conv in layer]
    biases = torch.cat([conv.bias for conv in layer])
    return nn.functional.conv1d(nn.functional.pad(states, (left, right)), torch.cat(filters), biases)


def _margins(conv: nn.Conv1d) -> tuple[int, int]:
    """How far a window reaches to the left and to the right."""
    return (conv.kernel_size[0] - 1) // 2, conv.kernel_size[0] // 2


def keep_filters(body: Convolutions, config: TextCNNConfig, keep: float) -> PrunedBody:
    """The part `keep` of the filters of each width and layer, those with the largest weights."""
    smaller = config.model_copy(update={"filters": max(1, round(config.filters * keep))})
    inputs = torch.arange(body.layers[0][0].in_channels)
    new = Convolutions(smaller, len(inputs))
    for old_layer, new_layer in zip(body.layers, new.layers, strict=True):
        outputs = []
        for number, (old, conv) in enumerate(zip(old_layer, new_layer, strict=True)):
            filters = largest_units(old.weight.detach().square().sum(dim=(1, 2)), smaller.filters)
            conv.weight.data.copy_(old.weight.detach()[filters][:, inputs])
            conv.bias.data.copy_(old.bias.detach()[filters])
            outputs.append(number * config.filters + filters)
        inputs = torch.cat(outputs)
    return PrunedBody(smaller, new, inputs)
