"""A teacher term over several labels a text: each label is a task of two classes of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PerLabel(nn.Module):
    """The mean over the labels of a term that compares the probabilities of classes.

    The logit z of a label becomes the two logits 0 and z, because their softmax is the sigmoid of z. So `kl` is the
    binary KL divergence at temperature T, with its T².
    """

    def __init__(self, term: nn.Module) -> None:
        super().__init__()
        self.term = term

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, progress: float = 0.0) -> Tensor:
        """`[batch]` of three `[batch, labels]`; a label is 1, 0, or -1 if it is unknown."""
        cells = self.term(_two_classes(student_logits), _two_classes(teacher_logits), labels.reshape(-1), progress)
        if cells.shape != (labels.numel(),):
            return cells  # type: ignore[no-any-return]  # The objective says what a term must give.
        return cells.view(labels.shape).mean(dim=-1)  # type: ignore[no-any-return]


def _two_classes(logits: Tensor) -> Tensor:
    """`[batch * labels, 2]` of `[batch, labels]`."""
    return torch.stack([torch.zeros_like(logits), logits], dim=-1).view(-1, 2)
