"""A plugged student as small as can be, and the plugs of the examples."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGS = ROOT / "examples" / "plugs"
STUDENT = """
from typing import Literal
from distune.plugs import StudentShape
from torch import nn

class {name}(StudentShape, frozen=True):
    kind: Literal["{kind}"]
    size: int = 4

    def build_body(self, n_inputs):
        return Same(n_inputs)

class Same(nn.Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, vectors, lengths):
        return vectors * 1
"""
