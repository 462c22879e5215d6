"""Tokens for the students: the kinds there are, the vocabulary, and whole corpora as token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from distune._plural import n_of
from distune.corpora.encoding import (
    AS_SPELT,
    BETWEEN,
    MARK,
    PAIRS_AS_SPELT,
    RESERVED,
    SEPARATOR,
    Encoder,
    is_of_pairs,
    keeping_frequency,
    segmenter,
    spelt,
)
from distune.corpora.texts import CorpusError

MOST_DIGITS = 12
"""The most digits that a word's frequency has; jieba's own add up to 60 million."""

LONGEST_WORD = 1000
"""Characters of a word; jieba keeps every beginning of a word, so that memory grows by the square of its length."""


class _Tokens(BaseModel, frozen=True, extra="forbid"):
    """The settings that all kinds of tokens share."""

    min_count: int = Field(default=2, ge=1)
    """A token must occur at least this often in train and transfer texts to be in the vocabulary."""
    max_vocabulary: int = Field(default=30_000, ge=3)
    """The largest number of tokens in the vocabulary, which keeps the most frequent ones. Padding and the unknown
    token count as two."""
    max_tokens: int = Field(default=128, ge=1)
    """The number of tokens of a text that the student reads, of each of the two of a pair; the rest is cut off."""
    max_ngram: int = Field(default=1, ge=1, le=5)
    """The student also reads runs of up to this number of tokens, after the tokens, if they are in the vocabulary.
    An averaged student knows nothing else about the order of tokens. 2 or 3 characters suit Chinese.
    `max_vocabulary` must be large enough for the runs."""


class WordsConfig(_Tokens, frozen=True):
    """Words as jieba cuts the text in its own spelling, lower-cased afterwards."""

    kind: Literal["words"] = "words"
    segmenter: Literal["jieba", "rjieba"] = "jieba"
    """The program that cuts the words. `rjieba` is a Rust program with jieba's dictionary: it makes the same cuts
    six times faster."""
    hmm: bool = False
    """`true` lets jieba guess words outside its dictionary. This is a third slower, and the vocabulary knows few of
    them."""
    dictionary: Path | None = Field(default=None, json_schema_extra={"travels": True})
    """A user dictionary in jieba's format: a line for each word, with an optional frequency. A word with letters
    also counts in lower case, in capitals and with a capital first."""


class WordsCharactersConfig(WordsConfig, frozen=True):
    """Words, and the characters of words outside the vocabulary: no word is unknown."""

    kind: Literal["words_characters"]  # type: ignore[assignment]


class CharactersConfig(_Tokens, frozen=True):
    """Single characters, lower case."""

    kind: Literal["characters"] = "characters"
    max_tokens: int = Field(default=200, ge=1)


class WordPieceConfig(_Tokens, frozen=True):
    """The pieces of a BERT tokenizer that occur in the corpus. It is the teacher's tokenizer, unless the study names
    a checkpoint."""

    kind: Literal["wordpiece"]
    checkpoint: str | None = Field(default=None, json_schema_extra={"travels": True})
    """A hub id or a local folder. Distune takes its tokenizer."""
    revision: str | None = None
    """The branch, tag or commit of a checkpoint of the hub; by default its main branch."""


class EnglishWordsConfig(_Tokens, frozen=True):
    """Lower-cased words of languages that put spaces between them, and single punctuation marks."""

    kind: Literal["english_words"]


AnyTokensConfig = WordsConfig | WordsCharactersConfig | CharactersConfig | WordPieceConfig | EnglishWordsConfig
TokensConfig = Annotated[AnyTokensConfig, Field(discriminator="kind")]


@dataclass(frozen=True)
class TokenIds(Sequence[NDArray[np.int32]]):
    """Rows of unequal length in one array: row i is `flat[offsets[i]:offsets[i + 1]]`, a view made when it is asked for."""

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: SupportsIndex) -> NDArray[np.int32]: ...

    @overload
    def __getitem__(self, row: slice) -> list[NDArray[np.int32]]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> NDArray[np.int32] | list[NDArray[np.int32]]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        i = range(len(self))[row]
        return self.flat[self.offsets[i] : self.offsets[i + 1]]

    def rows(self, numbers: NDArray[np.integer[Any]]) -> list[NDArray[np.int32]]:
        """The rows of these numbers."""
        starts, ends = self.offsets[numbers].tolist(), self.offsets[numbers + 1].tolist()
        return [self.flat[start:end] for start, end in zip(starts, ends, strict=True)]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)


def ragged(rows: Iterable[Sequence[int]]) -> TokenIds:
    """Rows of token ids, each with at least one, as one array."""
    listed = list(rows)
    offsets = np.zeros(len(listed) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in listed], out=offsets[1:])
    return TokenIds(np.array([i for row in listed for i in row], dtype=np.int32), offsets)


@dataclass(frozen=True)
class Tokenized:
    """Texts as tokens, with the vocabulary that was drawn from them and the encoder over it."""

    segmented: tuple[Sequence[str], ...]
    vocabulary: tuple[str, ...]
    encoder: Encoder


def tokenize(config: AnyTokensConfig, texts: Sequence[str], pieces: Sequence[str] = ()) -> Tokenized:
    """Draw the vocabulary from texts, which must be train and transfer texts only, never dev or test.

    `pieces` are the vocabulary of the tokenizer that WordPiece is taken from. Raises CorpusError for a user dictionary
    that cannot be read, and for WordPiece without pieces.
    """
    settings = encoder_settings(config, of_pairs=bool(texts) and MARK in texts[0])
    if isinstance(config, WordPieceConfig) and not pieces:
        raise CorpusError("tokens of kind wordpiece need a tokenizer: name its `checkpoint`, as the teacher has none")
    segment = segmenter(settings, pieces)
    candidates = [segment(text) for text in texts]
    vocabulary = build_vocabulary(config, candidates, is_of_pairs(settings))
    encoder = Encoder(settings, vocabulary)
    # With the vocabulary known, words outside it are spelt and pieces outside it are cut smaller.
    depends = isinstance(config, WordPieceConfig | WordsCharactersConfig)
    segmented = [encoder.segment(text) for text in texts] if depends else candidates
    return Tokenized(tuple(segmented), vocabulary, encoder)


def build_vocabulary(
    config: AnyTokensConfig, segmented: Iterable[Sequence[str]], of_pairs: bool = False
) -> tuple[str, ...]:
    """`[PAD]`, `[UNK]`, then the tokens and their n-grams by frequency; of pairs, `[SEP]` before these."""
    counts: Counter[str] = Counter()
    reserved = (*RESERVED, SEPARATOR) if of_pairs else RESERVED
    for tokens in segmented:
        for side in _sides(tokens) if of_pairs else (tokens,):
            counts.update(side)
            counts.update(ngrams(side, config.max_ngram))
    # An n-gram with an unknown part would be one name for many.
    parts = {token: token.split(BETWEEN) for token, n in counts.items() if n >= config.min_count}
    known = [token for token in parts if not set(reserved) & set(parts[token])]
    if counts and not known:
        raise CorpusError(
            f"tokens.min_count: no token occurs so often in the train and transfer texts, but got min_count={config.min_count}; "
            f"the most frequent occurs {max(counts.values())} times"
        )
    # What an n-gram begins with is as frequent or more, and with fewer parts: the encoder finds it by its beginning.
    kept = sorted(known, key=lambda token: (-counts[token], len(parts[token]), token))
    return (*reserved, *kept[: config.max_vocabulary - len(reserved)])


def _sides(tokens: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The tokens of the two texts of a pair."""
    end = tokens.index(SEPARATOR)
    return tokens[:end], tokens[end + 1 :]


def ngrams(tokens: Sequence[str], longest: int) -> Iterator[str]:
    """Every run of 2 to `longest` tokens, the shorter runs first."""
    for n in range(2, longest + 1):
        yield from map(BETWEEN.join, zip(*(tokens[i:] for i in range(n)), strict=False))


def encoder_settings(config: AnyTokensConfig, of_pairs: bool = False) -> dict[str, Any]:
    """The settings that an encoder travels with: nothing of this machine, the words of the dictionary in full."""
    settings = config.model_dump(mode="json", include={"kind", "max_tokens", "max_ngram", "segmenter", "hmm"})
    if of_pairs:
        settings["cut"] = PAIRS_AS_SPELT
    elif not isinstance(config, WordPieceConfig):
        settings["cut"] = AS_SPELT
    if isinstance(config, WordsConfig):
        settings["user_words"] = read_dictionary(config.dictionary) if config.dictionary else []
    return settings


def read_dictionary(path: Path) -> list[list[Any]]:
    """The words of a user dictionary, each with its frequency: `word`, `word 12` or `word 12 n` a line.

    A word without a frequency gets the smallest that keeps it whole, as jieba does. A word with letters is followed by its
    spellings in lower case, in capitals and with a capital first, unless the dictionary has them. Raises CorpusError for a
    file that cannot be read or a line of another form.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"tokens.dictionary: cannot read {path}: {error}") from error
    found: dict[str, int | None] = {}
    for number, line in enumerate(lines, start=1):
        word, *rest = spelt(line).split() or [""]
        if not word:
            continue
        if rest and not rest[0].isdecimal():
            raise CorpusError(
                f"tokens.dictionary: {path}, line {number}: must be `word [frequency] [tag]`, but got {line!r:.200}"
            )
        if len(word) > LONGEST_WORD:
            raise CorpusError(
                f"tokens.dictionary: {path}, line {number}: a word has at most {LONGEST_WORD:,} characters, but it has {len(word):,}"
            )
        if rest and len(rest[0]) > MOST_DIGITS:
            raise CorpusError(f"tokens.dictionary: {path}, line {number}: a frequency of {n_of(len(rest[0]), 'digit')}")
        found[word] = int(rest[0]) if rest else None
    for word in list(found):
        for other in (word.lower(), word.upper(), word.capitalize()):
            found.setdefault(other, found[word])
    return [[word, keeping_frequency(word) if frequency is None else frequency] for word, frequency in found.items()]
