"""A student: convolutions whose output another one opens and closes (gated linear units, Dauphin et al. 2017)."""

from typing import Literal

from pydantic import Field
from torch import nn

from distune.plugs import StudentShape, inside


class GatedConfig(StudentShape, frozen=True):
    kind: Literal["gated"]
    features: int = Field(default=64, ge=1)
    width: int = Field(default=3, ge=1)

    def build_body(self, n_inputs):
        return GatedConvolution(n_inputs, self.features, self.width)


class GatedConvolution(nn.Module):
    def __init__(self, n_inputs, n_outputs, width):
        super().__init__()
        self.output_size = n_outputs
        self.margins = ((width - 1) // 2, width // 2)
        self.convolution = nn.Conv1d(n_inputs, 2 * n_outputs, width)

    def forward(self, vectors, lengths):
        in_text = inside(lengths, vectors.shape[1]).unsqueeze(2)
        padded = nn.functional.pad((vectors * in_text).transpose(1, 2), self.margins)
        states = nn.functional.glu(self.convolution(padded), dim=1).transpose(1, 2)
        return states * in_text
