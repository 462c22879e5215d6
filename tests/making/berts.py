"""The shape of BERTs as small as can be."""

from __future__ import annotations

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
