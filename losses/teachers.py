"""One teacher's logits of several teachers' (You et al. 2017, equation 6; Fukuda et al. 2017, section 2.3)."""

from __future__ import annotations

import torch
from torch import Tensor

from distune.losses.config import TeachersKind


def combined_logits(kind: TeachersKind, logits: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
    """`[batch, classes]` of `[teachers, batch, classes]`; `weights` `[teachers]` are positive.

    `mean` counts all equally, `weighted` uses the weights, and `sampled` draws one of them for this batch, by weight.
    """
    if len(logits) == 1:
        return logits[0]
    # To the last digit: searches of teachers of one weight bring what they brought when `mean` was the default.
    if kind == "mean" or (kind == "weighted" and bool((weights == weights[0]).all())):
        return logits.mean(dim=0)
    shares = weights.double() / weights.double().sum()
    if kind == "weighted":
        return torch.einsum("t,tbc->bc", shares.to(logits), logits)
    return logits[int(torch.multinomial(shares, 1, generator=generator))]
