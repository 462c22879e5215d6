"""The two computations of a teacher that learns on a CPU that differ from transformers: its dropout comes from
`distune.models.layers.dropout`, and its attention from `distune.models.layers.attention`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from distune.models.layers.attention import is_better_written_out, written_out
from distune.models.layers.dropout import Dropout

ATTENTION = "distune_on_cpu"
SPECIAL = ("position_bias", "softcap", "cache", "s_aux")
"""The arguments that some families give to attention in addition to its mask."""


@contextmanager
def cheap_dropout(model: PreTrainedModel) -> Iterator[None]:
    """While it is open, a model that learns on a CPU draws its dropout cheaply; one on an accelerator does not change.

    Attention is replaced if it is torch's (`sdpa`) and the model allows it.
    """
    if next(model.parameters()).device.type != "cpu":
        yield
        return
    layers = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if type(layer) is nn.Dropout
    ]
    attention = model.config._attn_implementation
    try:
        for parent, name, layer in layers:
            setattr(parent, name, Dropout(layer.p).train(layer.training))
        if attention == "sdpa":
            model.set_attn_implementation(ATTENTION)
        yield
    finally:
        for parent, name, layer in layers:
            setattr(parent, name, layer.train(parent.training))
        if attention == "sdpa":
            model.set_attn_implementation(attention)


def attention_on_cpu(  # noqa: PLR0913, PLR0917 - as transformers calls it
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention of `query`, `key` and `value`, `[batch, heads, length, features]`, as transformers calls it.

    It is torch's own in float32 without dropout, and if it is causal, has a bias of positions, or has fewer heads of
    keys than of queries.
    """
    causal = others.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    special = causal or key.shape[1] != query.shape[1] or any(others.get(name) is not None for name in SPECIAL)
    if special or not is_better_written_out(query, dropout):
        theirs: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return theirs
    attended = written_out(query, key, value, attention_mask, dropout, scaling)
    return attended.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attention_on_cpu)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
