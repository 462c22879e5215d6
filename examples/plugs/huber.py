"""A distillation term: the Huber distance of the logits, the square near zero and a line beyond `delta`."""

from typing import Literal

from pydantic import Field
from torch import nn

from distune.plugs import TeacherTerm


class HuberConfig(TeacherTerm, frozen=True):
    kind: Literal["huber"]
    delta: float = Field(default=1.0, gt=0)

    def build(self):
        return Huber(self.delta)


class Huber(nn.Module):
    def __init__(self, delta):
        super().__init__()
        self.delta = delta

    def forward(self, student_logits, teacher_logits, labels, progress=0.0):
        distances = nn.functional.huber_loss(student_logits, teacher_logits, delta=self.delta, reduction="none")
        return distances.mean(dim=-1)
