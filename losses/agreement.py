"""How far several teachers agree on a text (Lin 1991, section V: the Jensen-Shannon divergence of several distributions)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from distune.losses.config import TeachersKind


def shares_of(kind: TeachersKind, weights: Tensor) -> Tensor:
    """The share of each teacher `[teachers]` in their common answer, by their weights `[teachers]`; they sum to 1."""
    weights = torch.ones_like(weights) if kind == "mean" else weights
    return weights / weights.sum()


def agreement(logits: Tensor, shares: Tensor) -> Tensor:
    """`[batch]` from `[teachers, batch, classes]`: 1 if all teachers give the same probabilities, 0 if they contradict each other.

    It is `1 - JS / min(H(shares), ln classes)`, as the divergence `JS = H(Σ s p) - Σ s H(p)` is at most the smaller of the two.
    """
    logs = nn.functional.log_softmax(logits, dim=-1)
    return _agreement(logs, shares)


def agreement_of_labels(logits: Tensor, shares: Tensor) -> Tensor:
    """`[batch]` from `[teachers, batch, labels]`: the mean over the labels of `agreement` on each, as a task of two classes."""
    logs = torch.stack([nn.functional.logsigmoid(-logits), nn.functional.logsigmoid(logits)], dim=-1)
    return _agreement(logs, shares).mean(dim=-1)


def _agreement(logs: Tensor, shares: Tensor) -> Tensor:
    """`[...]` from log-probabilities `[teachers, ..., classes]` and shares `[teachers]`."""
    shares = shares.to(logs)
    mixed = torch.logsumexp(logs + shares.log().view(-1, *[1] * (logs.dim() - 1)), dim=0)
    divergence = _entropy(mixed) - torch.tensordot(shares, _entropy(logs), dims=1)
    largest = min(-float((shares * shares.log()).sum()), math.log(logs.shape[-1]))
    found: Tensor = (1 - divergence / largest).clamp(0.0, 1.0)
    return found


def _entropy(logs: Tensor) -> Tensor:
    return -torch.sum(logs.exp() * logs, dim=-1)
