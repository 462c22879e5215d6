"""What an adapter of peft makes of its base, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

PREFIX = "base_model.model."
QUERY = "bert.encoder.layer.0.attention.self.query"
"""The layer that the adapters of the tests change."""


def merged_by_hand(model: Any, adapter: Path) -> Any:
    """The base with W + (lora_alpha / r) B A, which is 2 B A, and the head that was saved."""
    saved = {name.removeprefix(PREFIX): one for name, one in load_file(adapter / "adapter_model.safetensors").items()}
    with torch.no_grad():
        model.classifier.weight.copy_(saved["classifier.weight"])
        model.classifier.bias.copy_(saved["classifier.bias"])
        query = model.bert.encoder.layer[0].attention.self.query.weight
        query += 2 * saved[f"{QUERY}.lora_B.weight"] @ saved[f"{QUERY}.lora_A.weight"]
    return model
