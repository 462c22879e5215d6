"""The input of the last layer of a sequence classifier, for every family."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from distune.models.errors import ModelError
from distune.models.teacher.config import HiddenState


def output_layer(model: PreTrainedModel) -> tuple[str, nn.Linear] | None:
    """The linear layer that gives the logits, with its name: the last one outside the encoder with as many outputs as classes."""
    base = f"{model.base_model_prefix}."
    found = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == model.config.num_labels and not name.startswith(base)
    ]
    return found[-1] if found else None


def answer(
    model: PreTrainedModel, inputs: dict[str, Tensor], states: Sequence[HiddenState]
) -> tuple[Tensor, list[Tensor]]:
    """Logits `[batch, classes]`, and each state `[batch, features]`.

    `pooled` is the row that the logits are a linear map of: of a decoder, which has one for each token, that of the last
    token. A number is the mean over the text of that layer.

    Raises ModelError when the model has no such state.
    """
    if not states:
        return model(**inputs).logits, []
    read: list[Tensor] = []
    layer = output_layer(model) if "pooled" in states else None
    if "pooled" in states and layer is None:
        raise ModelError(
            f"hidden_states: no last linear layer is known of {type(model).__name__}; name layers by number"
        )
    hook = layer[1].register_forward_pre_hook(lambda _, arguments: read.append(arguments[0])) if layer else None
    try:
        outputs = model(**inputs, output_hidden_states=True)
    finally:
        if hook:
            hook.remove()
    means = _means(model, outputs, inputs["attention_mask"], [state for state in states if state != "pooled"])
    if layer:
        means["pooled"] = _of_the_last_token(model, inputs, read[-1])
    return outputs.logits, [means[state] for state in states]


def _of_the_last_token(model: PreTrainedModel, inputs: dict[str, Tensor], read: Tensor) -> Tensor:
    """The row that counts of what the last layer reads, which is `[batch, features]` already where the head reads one token."""
    if read.ndim == 2:
        return read
    token_ids = inputs["input_ids"]
    # As transformers finds it: the rightmost token that is not the pad token.
    places = torch.arange(token_ids.shape[1], device=token_ids.device)
    last = (places * (token_ids != model.config.get_text_config().pad_token_id)).argmax(dim=-1)
    return read[torch.arange(len(read), device=read.device), last]


def _means(model: PreTrainedModel, outputs: object, mask: Tensor, wanted: Sequence[int]) -> dict[HiddenState, Tensor]:
    if not wanted:
        return {}
    layers = getattr(outputs, "hidden_states", None)
    if layers is None:
        raise ModelError(f"hidden_states: {type(model).__name__} gives no layers; only pooled is available")
    if max(wanted) >= len(layers):
        raise ModelError(
            f"hidden_states must be pooled or 0 to {len(layers) - 1}, the layers of the teacher, but got {max(wanted)}"
        )
    weights = mask.unsqueeze(-1)
    return {state: (layers[state] * weights).sum(dim=1) / weights.sum(dim=1) for state in wanted}


@torch.inference_mode()
def refuse_wrong_pooled(name: str, model: PreTrainedModel, logits: Tensor, pooled: Tensor) -> None:
    """Raise ModelError unless the logits are the last layer's map of `pooled`: then it is not what this family's head reads."""
    found = output_layer(model)
    mapped = found[1](pooled) if found else None
    if (
        mapped is None
        or mapped.shape != logits.shape
        or not torch.allclose(mapped, logits, atol=1e-3 * (1 + logits.abs().max().item()))
    ):
        raise ModelError(
            f"{name}: hidden_states: pooled is not known of {type(model).__name__}, whose logits are no linear map of "
            "what its last layer reads; name layers by number"
        )
