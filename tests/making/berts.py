"""BERTs as small as can be, and copies of checkpoints with other settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import BertConfig, PreTrainedTokenizerBase


def bert_shape(tokenizer: PreTrainedTokenizerBase, **settings: Any) -> BertConfig:
    """A BERT of one layer of 16 features that reads as many tokens as its tokenizer."""
    shape = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": tokenizer.model_max_length,
    }
    return BertConfig(vocab_size=len(tokenizer), **{**shape, **settings})


def edited(folder: Path, target: Path, **changes: object) -> Path:
    """A copy of a checkpoint with other settings in its config.json."""
    shutil.copytree(folder, target)
    settings = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**settings, **changes}))
    return target
