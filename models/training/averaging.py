"""The running mean of weights while a model is trained (Polyak & Juditsky 1992): it answers more steadily than any one step."""

from __future__ import annotations

import torch
from torch import Tensor


class WeightAverage:
    """An exponential mean of tensors that change in place: `decay` of what it was and the rest of what they are.

    In step n the decay is at most (1 + n) / (10 + n), so that the first weights, which are chance, are soon forgotten.
    """

    def __init__(self, weights: dict[str, Tensor], decay: float) -> None:
        self._followed = list(weights.values())
        self._decay = decay
        self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}

    @torch.no_grad()
    def update(self, n_steps: int) -> None:
        """Take in the present weights after this number of steps."""
        decay = min(self._decay, (1 + n_steps) / (10 + n_steps))
        torch._foreach_lerp_(list(self.weights.values()), self._followed, 1 - decay)

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Go on as where `weights` were taken."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
