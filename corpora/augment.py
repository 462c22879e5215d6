"""A larger transfer set: each text again with words hidden, replaced and left out (Tang et al. 2019, section 3.3)."""

from __future__ import annotations

import functools
import hashlib
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from distune._pairs import MARK, sides
from distune.corpora.kept import reading
from distune.corpora.places import Place
from distune.corpora.texts import content_key, normalise, text_hash

MASK = "\u2bd1"
"""Unicode's sign of uncertainty stands for a hidden word: the teacher sees its own mask token in its place, the student
an unknown token."""
Probability = Annotated[float, Field(ge=0, le=1)]
Tagged = tuple[str, str]
"""A word and its part of speech."""


class AugmentConfig(BaseModel, frozen=True, extra="forbid"):
    """The variations of each text. The default probabilities are those of the paper."""

    n_iter: int = Field(default=0, ge=0)
    """The number of variations of each text; 0 for none."""
    p_mask: Probability = 0.1
    """The probability that a word is masked."""
    p_pos: Probability = 0.1
    """The probability that a word becomes another of the same part of speech; with `p_mask` at most 1."""
    p_ngram: Probability = 0.25
    """The probability that a text is cut to some of its words."""
    max_ngram: int = Field(default=5, ge=1)
    """The largest number of words that such a text keeps."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the variations."""

    @model_validator(mode="after")
    def _one_fate_for_each_word(self) -> AugmentConfig:
        if self.p_mask + self.p_pos > 1:
            raise ValueError(f"p_mask + p_pos must be <= 1, but got {self.p_mask} + {self.p_pos}")
        return self


@dataclass(frozen=True)
class Augmented:
    """Varied texts; `iterations` `[texts]` counts from 1 and never falls, so that fewer iterations are a prefix."""

    texts: tuple[str, ...]
    iterations: NDArray[np.int32]

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the texts."""
        return hashlib.blake2b(b"".join(map(text_hash, self.texts)), digest_size=8).hexdigest()


@dataclass(frozen=True)
class TagWords:
    """The words of one part of speech, with how often they and all before them occur."""

    words: tuple[str, ...]
    cumulative: NDArray[np.int64]

    def draw(self, uniform: float) -> str:
        return self.words[int(np.searchsorted(self.cumulative, uniform * self.cumulative[-1], side="right"))]


def augment(config: AugmentConfig, texts: Sequence[str], held_out: Iterable[str]) -> Augmented:
    """Vary train and transfer texts `n_iter` times; a variation with the content of another text, or of a held-out one,
    is dropped.

    The variation of a text depends only on the seed, the text and the iteration.
    """
    texts = sorted(texts)  # Which of two that become the same is dropped must not depend on their order.
    tagged = [[_tag(side) for side in sides(text)] for text in texts]
    words = words_by_tag(side for tokens in tagged for side in tokens)
    seen = {content_key(text) for text in texts} | {content_key(text) for text in held_out}
    varied: list[str] = []
    iterations: list[int] = []
    for iteration in range(1, config.n_iter + 1):
        for text, tokens in zip(texts, tagged, strict=True):
            rng = _rng(config.seed, text, iteration)
            varied_sides = [normalise(_vary(config, side, words, rng)) for side in tokens]
            one = MARK.join(varied_sides)
            key = content_key(one)
            if all(map(content_key, varied_sides)) and key not in seen:
                seen.add(key)
                varied.append(one)
                iterations.append(iteration)
    return Augmented(tuple(varied), np.array(iterations, dtype=np.int32))


@functools.cache
def _tagger() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # From Python 3.12 on its escapes warn where it is compiled.
        import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    return jieba.posseg.POSTokenizer(jieba.Tokenizer())


def _tag(text: str) -> list[Tagged]:
    return [(pair.word, pair.flag) for pair in _tagger().cut(text)]


def words_by_tag(tagged: Iterable[Sequence[Tagged]]) -> dict[str, TagWords]:
    """The words of each part of speech, to be drawn by their frequency."""
    counts: dict[str, Counter[str]] = {}
    for tokens in tagged:
        for word, tag in tokens:
            if not word.isspace():
                counts.setdefault(tag, Counter())[word] += 1
    found = {}
    for tag, of_tag in counts.items():
        ordered = sorted(of_tag)
        found[tag] = TagWords(tuple(ordered), np.cumsum([of_tag[word] for word in ordered]))
    return found


def _rng(seed: int, text: str, iteration: int) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed} {iteration} {text}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _vary(
    config: AugmentConfig, tokens: Sequence[Tagged], words: Mapping[str, TagWords], rng: np.random.Generator
) -> str:
    """One variation: a fate for each word, and then perhaps some words of it alone; white space is no word."""
    fates, choices = rng.random((2, len(tokens)))
    out = []
    for (word, tag), fate, choice in zip(tokens, fates, choices, strict=True):
        if word.isspace() or fate >= config.p_mask + config.p_pos:
            out.append(word)
        else:
            out.append(MASK if fate < config.p_mask else words[tag].draw(choice))
    cut, length, start = rng.random(3)
    places = [i for i, (word, _) in enumerate(tokens) if not word.isspace()]
    if cut < config.p_ngram and places:
        n = min(1 + int(length * config.max_ngram), len(places))
        first = int(start * (len(places) - n + 1))
        out = out[places[first] : places[first + n - 1] + 1]
    return "".join(out)


def with_mask(text: str, mask_token: str) -> str:
    """A text as a teacher is asked it, with its own mask token."""
    return text.replace(MASK, mask_token)


def fingerprint(config: AugmentConfig, texts: Sequence[str], held_out: Sequence[str]) -> str:
    """16 hex digits over the settings and the texts."""
    digest = hashlib.blake2b(config.model_dump_json().encode(), digest_size=8)
    for group in (texts, held_out):
        digest.update(b"\x01" + b"".join(sorted(map(text_hash, group))))
    return digest.hexdigest()


def save_augmented(place: Place, augmented: Augmented) -> None:
    """Write a Parquet file of texts and their iterations, at once."""
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table({"text": list(augmented.texts), "iteration": pa.array(augmented.iterations)})
    stream = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, stream, compression="zstd")
    place.write_bytes(stream.getvalue().to_pybytes())


def load_augmented(place: Place) -> Augmented:
    """Read back what `save_augmented` wrote. Raises DamagedError for anything else."""
    import pyarrow as pa
    import pyarrow.parquet

    with reading(place, "remove it, and the texts are made again"):
        table = pyarrow.parquet.read_table(pa.BufferReader(place.read_bytes()))
        texts, iterations = tuple(table["text"].to_pylist()), table["iteration"].to_numpy()
        if not all(isinstance(text, str) for text in texts) or iterations.dtype.kind not in "iu":
            raise ValueError("it must have a text and the number of an iteration in each row")
    return Augmented(texts, iterations.astype(np.int32))
