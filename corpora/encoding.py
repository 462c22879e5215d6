"""From a raw text to token ids. A copy of this file travels with every checkpoint: it imports nothing of the project."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

PADDING, UNKNOWN = 0, 1
RESERVED = ("[PAD]", "[UNK]")


def _segment_words(text: str) -> list[str]:
    import jieba  # Loading its dictionary takes most of a second: only those who segment words pay for it.

    jieba.setLogLevel(logging.WARNING)
    return list(jieba.cut(text))


def _segment_characters(text: str) -> list[str]:
    return list(text)


SEGMENTERS: dict[str, Callable[[str], list[str]]] = {"words": _segment_words, "characters": _segment_characters}


def segment(kind: str, text: str) -> list[str]:
    """The tokens of a text of any form; white space is none of them."""
    tokens = SEGMENTERS[kind](unicodedata.normalize("NFKC", text).lower())
    return [token for token in tokens if not token.isspace()]


class Encoder:
    """Text -> token ids: segmented, cut at `max_tokens`, looked up; a text without tokens is one unknown token."""

    def __init__(self, kind: str, vocabulary: Sequence[str], max_tokens: int) -> None:
        self.kind = kind
        self.max_tokens = max_tokens
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    def segment(self, text: str) -> list[str]:
        return segment(self.kind, text)

    def look_up(self, tokens: Sequence[str]) -> list[int]:
        return [self._ids.get(token, UNKNOWN) for token in tokens[: self.max_tokens]] or [UNKNOWN]

    def __call__(self, text: str) -> list[int]:
        return self.look_up(self.segment(text))


def load_encoder(folder: str | Path) -> Encoder:
    """The encoder of a checkpoint folder, from its `config.json` and `vocabulary.txt`."""
    tokens = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["tokens"]
    vocabulary = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return Encoder(tokens["kind"], vocabulary, tokens["max_tokens"])
