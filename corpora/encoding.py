"""From a raw text to token ids. A copy of this file travels with every checkpoint: it imports nothing of the project."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PADDING, UNKNOWN = 0, 1
RESERVED = ("[PAD]", "[UNK]")


def _segment_words(text: str, tokens: Mapping[str, Any]) -> list[str]:
    import jieba  # Loading its dictionary takes most of a second: only those who segment words pay for it.

    jieba.setLogLevel(logging.WARNING)
    return list(jieba.cut(text, HMM=tokens["hmm"]))


def _segment_characters(text: str, tokens: Mapping[str, Any]) -> list[str]:
    return list(text)


SEGMENTERS: dict[str, Callable[[str, Mapping[str, Any]], list[str]]] = {
    "words": _segment_words,
    "characters": _segment_characters,
}


def segment(tokens: Mapping[str, Any], text: str) -> list[str]:
    """The tokens of a text of any form, by the settings `tokens`; white space is none of them."""
    found = SEGMENTERS[tokens["kind"]](unicodedata.normalize("NFKC", text).lower(), tokens)
    return [token for token in found if not token.isspace()]


class Encoder:
    """Text -> token ids: segmented, cut at `max_tokens`, looked up; a text without tokens is one unknown token."""

    def __init__(self, tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> None:
        self._tokens = tokens
        self._max_tokens: int = tokens["max_tokens"]
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    def segment(self, text: str) -> list[str]:
        return segment(self._tokens, text)

    def look_up(self, tokens: Sequence[str]) -> list[int]:
        return [self._ids.get(token, UNKNOWN) for token in tokens[: self._max_tokens]] or [UNKNOWN]

    def __call__(self, text: str) -> list[int]:
        return self.look_up(self.segment(text))


def load_encoder(folder: str | Path) -> Encoder:
    """The encoder of a checkpoint folder, from its `config.json` and `vocabulary.txt`."""
    tokens = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["tokens"]
    vocabulary = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return Encoder(tokens, vocabulary)
