"""Tokens for the students: the kinds there are, the vocabulary, and whole corpora as token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from corpora.encoding import RESERVED, Encoder, segment


class WordsConfig(BaseModel, frozen=True, extra="forbid"):
    """Words as jieba cuts them, lower case."""

    kind: Literal["words"] = "words"
    min_count: int = Field(default=2, ge=1)
    max_vocabulary: int = Field(default=30_000, ge=3)
    max_tokens: int = Field(default=128, ge=1)
    hmm: bool = False
    """Let jieba guess words that its dictionary lacks; a third slower, and the vocabulary knows few of them."""


class CharactersConfig(BaseModel, frozen=True, extra="forbid"):
    """Single characters, lower case."""

    kind: Literal["characters"] = "characters"
    min_count: int = Field(default=2, ge=1)
    max_vocabulary: int = Field(default=30_000, ge=3)
    max_tokens: int = Field(default=200, ge=1)


TokensConfig = Annotated[WordsConfig | CharactersConfig, Field(discriminator="kind")]


@dataclass(frozen=True)
class TokenIds:
    """Rows of unequal length in one array: row i is `flat[offsets[i]:offsets[i + 1]]`."""

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)


def ragged(rows: Iterable[Sequence[int]]) -> TokenIds:
    """Rows of token ids, each with at least one, as one array."""
    listed = list(rows)
    offsets = np.zeros(len(listed) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in listed], out=offsets[1:])
    return TokenIds(np.array([i for row in listed for i in row], dtype=np.int32), offsets)


def segment_all(config: WordsConfig | CharactersConfig, texts: Iterable[str]) -> list[list[str]]:
    """The tokens of every text."""
    settings = config.model_dump()
    return [segment(settings, text) for text in texts]


def build_vocabulary(config: WordsConfig | CharactersConfig, segmented: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """`[PAD]`, `[UNK]`, then the tokens by frequency; give it train and transfer texts only, never dev or test."""
    counts = Counter(token for tokens in segmented for token in tokens)
    kept = sorted((token for token, n in counts.items() if n >= config.min_count), key=lambda t: (-counts[t], t))
    return (*RESERVED, *kept[: config.max_vocabulary - len(RESERVED)])


def build_encoder(config: WordsConfig | CharactersConfig, vocabulary: Sequence[str]) -> Encoder:
    return Encoder(config.model_dump(), vocabulary)
