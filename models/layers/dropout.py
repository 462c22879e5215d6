"""Dropout that draws 16 bits for each feature: on a CPU a fifth to two fifths of the time of torch's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LOWEST, LEVELS = -(2**15), 2**16


class Dropout(nn.Dropout):
    """`hide` in training; on a GPU torch's own."""

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or not self.p or features.is_cuda:
            return super().forward(features)
        return drop(features, self.p)


def drop(features: Tensor, p: float) -> Tensor:
    """Each feature zero with a probability of `p`, rounded to 1/65536, or else multiplied by 1 / (1 - p)."""
    hidden: Tensor = _Hide.apply(features, p)  # type: ignore[no-untyped-call]
    return hidden


class _Hide(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, p: float) -> Tensor:
        hidden = round(p * LEVELS)
        factors = keep_mask(features, hidden).mul_(LEVELS / (LEVELS - hidden))
        ctx.save_for_backward(factors)
        return features * factors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.saved_tensors[0], None


def keep_mask(features: Tensor, hidden: int) -> Tensor:
    """A mask in the shape and type of `features`: 1 for a feature that stays, and 0 for the `hidden` of 65,536 that
    do not."""
    size = features.numel()
    # Full 64-bit draws, each read as four numbers from -32,768 to 32,767.
    drawn = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:size]
    kept = torch.empty(features.shape, dtype=features.dtype)
    torch.ge(drawn.view(features.shape), LOWEST + hidden, out=kept)
    return kept
