"""Removing whole units of a network: what is left of a family's body, and which of its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PrunedBody:
    """A body with fewer units, its settings, and which features `[features]` of the old states the new ones are."""

    config: Any
    body: nn.Module
    features: Tensor


def largest_units(scores: Tensor, n: int) -> Tensor:
    """The indices `[n]` of the n largest scores of `[units]`, in the order of the units."""
    return torch.sort(torch.topk(scores, n).indices).values
