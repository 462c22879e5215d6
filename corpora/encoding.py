"""From a raw text to token ids. A copy of this file travels with every checkpoint: it imports nothing of the project."""

from __future__ import annotations

import functools
import json
import logging
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PADDING, UNKNOWN = 0, 1
RESERVED = ("[PAD]", "[UNK]")


@functools.cache
def _jieba() -> Any:
    """jieba's own tokenizer with its most probable path found in one pass: the same cuts, a third faster.

    jieba looks every candidate word up twice, first for the graph of words and then for the path through it. At a text
    of some 50 characters these look-ups, in a dictionary of half a million words, are most of what an answer costs.
    """
    import jieba  # Loading its dictionary takes most of a second: only those who segment words pay for it.

    class OnePass(jieba.Tokenizer):  # type: ignore[misc]
        def get_DAG(self, sentence: str) -> None:
            """Nothing: `calc` finds the words on its way."""

        def calc(self, sentence: str, DAG: None, route: dict[int, tuple[float, int]]) -> None:
            frequency, log_total = self.FREQ.get, math.log(self.total)
            scores = [0.0] * (len(sentence) + 1)
            for start in range(len(sentence) - 1, -1, -1):
                best, last, end = -math.inf, start, start + 1
                count = frequency(sentence[start])
                while count is not None:  # None: no word of the dictionary begins so.
                    if count and (score := math.log(count) - log_total + scores[end]) >= best:
                        best, last = score, end - 1
                    end += 1
                    count = frequency(sentence[start:end]) if end <= len(sentence) else None
                scores[start] = best if best > -math.inf else scores[start + 1] - log_total
                route[start] = (scores[start], last)

    jieba.setLogLevel(logging.WARNING)
    tokenizer = OnePass()
    tokenizer.initialize()
    return tokenizer


def _segment_words(text: str, tokens: Mapping[str, Any]) -> list[str]:
    return list(_jieba().cut(text, HMM=tokens["hmm"]))


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
