"""From a text to the token ids that a student is asked with."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from .flat import BETWEEN_TEXTS, FlatIds, TogetherEncoder, flat, paired
from .segmenting import (
    MARK,
    PADDING,
    SEPARATOR,
    SEPARATOR_ID,
    UNKNOWN,
    cut_and_parts,
    is_of_pairs,
    refuse_unknown_settings,
    segmenter,
)

BETWEEN = " "
"""Stands between the tokens of an n-gram; no token has it."""
FEWEST_TOGETHER = 8
"""Fewer texts are encoded one by one."""


class Encoder:
    """Text -> token ids: segmented, cut at `max_tokens`, looked up with its n-grams; a text without tokens is one unknown token.

    An encoder of pairs takes two texts, or one string of both with MARK between them. Their ids stand one behind the
    other with the separator's between them, and each text is cut by itself.
    """

    def __init__(self, tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> None:
        self.settings = dict(tokens)
        self.segment = segmenter(tokens, vocabulary)
        self._max_tokens: int = tokens["max_tokens"]
        self._max_ngram: int = tokens.get("max_ngram", 1)  # Older checkpoints have none.
        self._ids = {token: i for i, token in enumerate(vocabulary)}
        parted = ((token.rpartition(BETWEEN), i) for token, i in self._ids.items() if BETWEEN in token)
        self._longer = {
            (self._ids.get(begun, UNKNOWN), self._ids.get(last, UNKNOWN)): i for (begun, _, last), i in parted
        }
        """From the ids of an n-gram's beginning and of its last token to its own."""
        self._together: TogetherEncoder | Literal[False] | None = None
        """The encoder of many texts together, False if these settings have none; made when it is first needed."""

    @property
    def is_of_pairs(self) -> bool:
        return is_of_pairs(self.settings)

    def read(self, text: str) -> list[str]:
        """The tokens of a text that the student reads, of a pair those of both with the separator between them."""
        tokens = self.segment(text)
        if not self.is_of_pairs:
            return list(tokens[: self._max_tokens])
        end = tokens.index(SEPARATOR)
        return [*tokens[:end][: self._max_tokens], SEPARATOR, *tokens[end + 1 :][: self._max_tokens]]

    def look_up(self, tokens: Sequence[str]) -> list[int]:
        """Ids of the tokens and then of their n-grams, of which unknown ones are left out."""
        if not self.is_of_pairs:
            return self._look_up(tokens)
        end = tokens.index(SEPARATOR)
        return [*self._look_up(tokens[:end]), SEPARATOR_ID, *self._look_up(tokens[end + 1 :])]

    def _look_up(self, tokens: Sequence[str]) -> list[int]:
        read = tokens[: self._max_tokens]
        ids = list(map(self._ids.get, read, itertools.repeat(UNKNOWN)))
        begun: Sequence[int] = ids
        for n in range(1, self._max_ngram):
            pairs = zip(begun, ids[n : len(read)], strict=False)
            begun = tuple(map(self._longer.get, pairs, itertools.repeat(PADDING)))
            ids += filter(None, begun)
        return ids or [UNKNOWN]

    def __call__(self, text: str | Sequence[str]) -> list[int]:
        return self.look_up(self.segment(text if isinstance(text, str) else MARK.join(text)))

    def encode_all(self, texts: Sequence[str | Sequence[str]]) -> FlatIds:
        """The ids of many texts or pairs, to the id those of each by itself, at a third of the cost of Python."""
        strings = [text if isinstance(text, str) else MARK.join(text) for text in texts]
        if len(strings) < FEWEST_TOGETHER or any(BETWEEN_TEXTS in text for text in strings):
            return flat([self(text) for text in strings])
        if self._together is None:
            self._together = self._made_together()
        if self._together is False:
            return flat([self(text) for text in strings])
        if not self.is_of_pairs:
            return self._together(strings)
        parted = [text.partition(MARK) for text in strings]
        return paired(self._together([side for first, _, second in parted for side in (first, second)]))

    def _made_together(self) -> TogetherEncoder | Literal[False]:
        found = cut_and_parts(self.settings, list(self._ids)) if self._max_ngram == 1 else None
        return False if found is None else TogetherEncoder(*found, self._ids, self._max_tokens)

    def read_ahead(self) -> None:
        """Read the whole dictionary of words, which a text otherwise brings in by its characters: for what is timed, or serves."""
        self.segment("".join(map(chr, (*range(0x30, 0x7B), *range(0x4E00, 0xA000)))))  # Of a pair, as its first text.


def load_encoder(folder: str | Path) -> Encoder:
    """The encoder of a checkpoint folder, from its `config.json` and `vocabulary.txt`. Raises TokensError for settings that this
    version does not know."""
    config = Path(folder) / "config.json"
    tokens = json.loads(config.read_text(encoding="utf-8"))["tokens"]
    refuse_unknown_settings(tokens, str(config))
    vocabulary = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return Encoder(tokens, vocabulary)
