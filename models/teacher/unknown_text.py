"""The part of a text that the teacher's tokenizer does not know."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from distune._pairs import in_words, sides
from distune.models.errors import ModelError

LOOKED_AT = 1000
"""Characters of a text; more would say no more of a tokenizer."""
WORTH_A_LINE = 0.05


def unknown_shares(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> NDArray[np.float64]:
    """The part of each text's characters that no known token stands for, `[texts]`; white space does not count."""
    texts = [" ".join(sides(text)) for text in texts]
    cut, unknown_ids = [text[:LOOKED_AT] for text in texts], _unknown_ids(tokenizer) | blank_ids(tokenizer)
    if not tokenizer.is_fast:
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in cut]
        return np.array(
            [
                sum(i in unknown_ids for i in row) / len(row) if row else float(bool(text.strip()))
                for row, text in zip(ids, cut, strict=True)
            ]
        )
    encoded = tokenizer(cut, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False)
    shares = np.zeros(len(cut))
    for number, text in enumerate(cut):
        unknown = np.array([not character.isspace() for character in text], dtype=bool)
        n_characters = int(unknown.sum())
        for token_id, (start, end) in zip(encoded["input_ids"][number], encoded["offset_mapping"][number], strict=True):
            if token_id not in unknown_ids:
                unknown[start:end] = False
        shares[number] = unknown.sum() / max(1, n_characters)
    return shares


def _unknown_ids(tokenizer: PreTrainedTokenizerBase) -> set[int | None]:
    """The token that transformers names as unknown; else the one that the tokenizer's own model names."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if tokenizer.unk_token_id is not None or backend is None:
        return {tokenizer.unk_token_id}
    model = json.loads(backend.to_str())["model"]
    return {model.get("unk_id"), backend.token_to_id(str(model.get("unk_token")))}


def blank_ids(tokenizer: PreTrainedTokenizerBase) -> set[int | None]:
    """The tokens of white space alone, which sentencepiece puts before a word that it does not know."""
    return {i for token, i in tokenizer.get_vocab().items() if not token.strip("\u2581\u0120 ")}


def refuse_unknown(name: str, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[str]:
    """Raise ModelError if the tokenizer does not know at least half of most texts; returns the lines about it."""
    shares = unknown_shares(tokenizer, texts)
    if len(shares) == 0:
        return []
    if np.mean(shares >= 0.5) > 0.5:
        example = in_words(texts[int(shares.argmax())])[:40]
        tokens = " ".join(tokenizer.convert_ids_to_tokens(tokenizer(example)["input_ids"])[:12]) or "nothing"
        raise ModelError(
            f"{name}: its tokenizer does not know {100 * shares.mean():.0f} % of the corpus: {example!r} becomes {tokens}; name "
            "a checkpoint of the texts' language, and see that the tokenizer's files are its own"
        )
    known = f"{name}: its tokenizer does not know {100 * shares.mean():.1f} % of the texts' characters"
    return [known] if shares.mean() > WORTH_A_LINE else []
