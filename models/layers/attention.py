"""Scaled dot-product attention (Vaswani et al. 2017, equation 1), written out where torch's fused kernel is the slower one.

On a CPU with AVX-512 that kernel is slower in bf16 than in float32, its backward pass for heads of 16 features ten
times. With dropout, torch leaves it: it draws a number for each pair of positions one after the other and multiplies in
float32, whatever autocast says. The computation here is the same, in the type of its inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distune.models.layers.dropout import drop


def is_better_written_out(queries: Tensor, dropout: float = 0.0) -> bool:
    """Whether `written_out` takes less time than torch's own."""
    return queries.device.type == "cpu" and (dropout > 0 or queries.dtype == torch.bfloat16)


def attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The output of each of `queries` makes of `values`, all `[batch, heads, length, features]`, of which it sees
    those where the boolean `mask` is true."""
    if is_better_written_out(queries):
        return written_out(queries, keys, values, mask)
    return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)


def written_out(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float = 0.0, scale: float | None = None
) -> Tensor:
    """The same, by matrix products; the mask is boolean, or is added, and `scale` is 1 / sqrt(features) by default."""
    scores = torch.matmul(queries * (queries.shape[-1] ** -0.5 if scale is None else scale), keys.transpose(2, 3))
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    weights = torch.softmax(scores, dim=-1)
    found: Tensor = torch.matmul(drop(weights, dropout) if dropout else weights, values)
    return found
