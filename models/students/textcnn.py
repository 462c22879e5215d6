"""Convolutions over word vectors, by default pooled to their maximum over the text (Kim 2014)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.students.embedding import PoolingKind, StudentShape
from models.students.pooling import inside
from models.students.units import Smaller, largest


class TextCNNConfig(StudentShape, frozen=True):
    """The convolutional student."""

    kind: Literal["textcnn"]
    filters: int = Field(default=64, ge=1, le=4096)
    """Filters of each width."""
    width: int = Field(default=3, ge=1, le=16)
    """The smallest width, in tokens."""
    widths: int = Field(default=3, ge=1, le=8)
    """How many widths there are: 3 from a width of 3 are 3, 4 and 5."""
    layers: int = Field(default=1, ge=1, le=8)
    """Layers of convolutions, one upon the other."""
    pooling: PoolingKind = "max"


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
            windows = [
                conv(nn.functional.pad(states, ((conv.kernel_size[0] - 1) // 2, conv.kernel_size[0] // 2)))
                for conv in layer
            ]
            states = torch.relu(torch.cat(windows, dim=1)) * in_text
        return states.transpose(1, 2)


def keep_filters(body: Convolutions, config: TextCNNConfig, keep: float) -> Smaller:
    """The part `keep` of the filters of each width and layer, those with the largest weights."""
    smaller = config.model_copy(update={"filters": max(1, round(config.filters * keep))})
    inputs = torch.arange(body.layers[0][0].in_channels)
    new = Convolutions(smaller, len(inputs))
    for old_layer, new_layer in zip(body.layers, new.layers, strict=True):
        outputs = []
        for number, (old, conv) in enumerate(zip(old_layer, new_layer, strict=True)):
            filters = largest(old.weight.detach().square().sum(dim=(1, 2)), smaller.filters)
            conv.weight.data.copy_(old.weight.detach()[filters][:, inputs])
            conv.bias.data.copy_(old.bias.detach()[filters])
            outputs.append(number * config.filters + filters)
        inputs = torch.cat(outputs)
    return Smaller(smaller, new, inputs)
