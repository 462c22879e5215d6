"""Word vectors for a vocabulary: trained on the corpus by gensim, read from a file, or random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from gensim.models import KeyedVectors, Word2Vec
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.fitting import ModelError

Dimension = Annotated[int, Field(ge=1, le=4096)]


class Word2VecConfig(BaseModel, frozen=True, extra="forbid"):
    """word2vec trained on the train and transfer texts (Mikolov et al. 2013)."""

    kind: Literal["word2vec"] = "word2vec"
    dimension: Dimension = 100
    architecture: Literal["skip_gram", "cbow"] = "skip_gram"
    window: int = Field(default=5, ge=1)
    epochs: int = Field(default=5, ge=1)


class FileVectorsConfig(BaseModel, frozen=True, extra="forbid"):
    """Vectors from a file: word2vec text (`.txt`, `.vec`), word2vec binary (`.bin`) or gensim KeyedVectors (`.kv`)."""

    kind: Literal["file"] = "file"
    path: Path
    dimension: Dimension


class RandomVectorsConfig(BaseModel, frozen=True, extra="forbid"):
    """Vectors drawn from a normal distribution, to be tuned."""

    kind: Literal["random"] = "random"
    dimension: Dimension = 100


AnyVectorsConfig = Word2VecConfig | FileVectorsConfig | RandomVectorsConfig
VectorsConfig = Annotated[AnyVectorsConfig, Field(discriminator="kind")]


@dataclass(frozen=True)
class WordVectors:
    """`matrix` is `[vocabulary, dimension]`, its row 0 (padding) zero; `coverage` is the part of the words found."""

    matrix: NDArray[np.float32]
    coverage: float


def build_vectors(
    config: AnyVectorsConfig, vocabulary: Sequence[str], sentences: Sequence[Sequence[str]], seed: int
) -> WordVectors:
    """The vectors of a vocabulary; words without one get a random vector of the same spread.

    `sentences` are the segmented train and transfer texts. Raises ModelError for an unreadable vector file, another
    dimension than the configured one, and a file that knows no word of the vocabulary.
    """
    rng = np.random.default_rng(seed)
    if isinstance(config, RandomVectorsConfig):
        known: dict[str, NDArray[np.float32]] = {}
    elif isinstance(config, Word2VecConfig):
        known = _train(config, vocabulary, sentences, seed)
    else:
        known = read_vectors(config, vocabulary)
        if not known:
            raise ModelError(f"{config.path} has no vector for any of the {len(vocabulary)} words of the vocabulary")
    spread = float(np.std(list(known.values()))) if known else 0.1
    matrix = rng.normal(0.0, spread, (len(vocabulary), config.dimension)).astype(np.float32)
    for row, word in enumerate(vocabulary):
        if word in known:
            matrix[row] = known[word]
    matrix[0] = 0.0
    return WordVectors(matrix, len(known) / len(vocabulary))


def _train(
    config: Word2VecConfig, vocabulary: Sequence[str], sentences: Sequence[Sequence[str]], seed: int
) -> dict[str, NDArray[np.float32]]:
    words = set(vocabulary)
    kept = [[word for word in sentence if word in words] for sentence in sentences]
    # One worker: with more, the order of the updates depends on the threads and no two runs are alike.
    model = Word2Vec(
        kept, vector_size=config.dimension, window=config.window, sg=int(config.architecture == "skip_gram"),
        min_count=1, epochs=config.epochs, seed=seed, workers=1,
    )  # fmt: skip
    return {word: model.wv[word] for word in vocabulary if word in model.wv}


def read_vectors(config: FileVectorsConfig, vocabulary: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The vectors that a file has for the words of a vocabulary."""
    vectors = open_vectors(config)
    return {word: np.asarray(vectors[word], dtype=np.float32) for word in vocabulary if word in vectors}


def open_vectors(config: FileVectorsConfig) -> KeyedVectors:
    """The vectors of a file; raises ModelError for an unreadable file and for the wrong dimension."""
    if not config.path.is_file():
        raise ModelError(f"no such word-vector file: {config.path}")
    try:
        if config.path.suffix == ".kv":
            vectors = KeyedVectors.load(str(config.path), mmap="r")
        else:
            vectors = KeyedVectors.load_word2vec_format(str(config.path), binary=config.path.suffix == ".bin")
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        raise ModelError(f"{config.path} cannot be read as word2vec vectors: {error}") from error
    if vectors.vector_size != config.dimension:
        raise ModelError(f"{config.path} has vectors of dimension {vectors.vector_size}, "
                         f"but the study says dimension={config.dimension}")  # fmt: skip
    return vectors
