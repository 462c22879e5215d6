"""Word vectors for a vocabulary: trained on the corpus by gensim, read from a file, or random.

gensim takes more than a second to import, and the workers of trials do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.vectors.config import (
    AnyVectorsConfig,
    FastTextConfig,
    FileVectorsConfig,
    OwnVectorsConfig,
    RandomVectorsConfig,
    TrainedVectorsConfig,
    Word2VecConfig,
)
from distune.models.vectors.keyed_vectors import refuse_missing_gensim
from distune.models.vectors.vector_files import FoundVectors, Known, read_vector_file

FASTTEXT_BUCKETS = 200_000
"""Rows of the table of n-grams: gensim's two millions are for a corpus of the size of Wikipedia."""


@dataclass(frozen=True)
class WordVectors:
    """`matrix` is `[vocabulary, dimension]`, its row 0 (padding) zero; `coverage` is the part of the words found.
    `respelt` is the part that a file has only in another width or case. `notes` are other observations about the
    file."""

    matrix: NDArray[np.float32]
    coverage: float
    respelt: float = 0.0
    notes: tuple[str, ...] = ()


def build_vectors(
    config: OwnVectorsConfig, vocabulary: Sequence[str], sentences: Sequence[Sequence[str]], seed: int
) -> WordVectors:
    """The vectors of a vocabulary, by any kind that needs no teacher.

    `sentences` are the segmented train and transfer texts. Raises ModelError for an unreadable vector file, another
    dimension than the configured one, and a file that knows no word of the vocabulary.
    """
    refuse_missing_packages(config)
    return completed(config, vocabulary, SOURCES[type(config)](config, vocabulary, sentences, seed), seed)


def completed(config: AnyVectorsConfig, vocabulary: Sequence[str], found: FoundVectors, seed: int) -> WordVectors:
    """A vector for each word of a vocabulary: n-grams that were not found start as the mean of their words, words without a
    vector as a random one of the same spread."""
    rng = np.random.default_rng(seed)
    known = {word: vector for word, vector in found.vectors.items() if np.isfinite(vector).all()}
    known |= {
        word: mean for word in vocabulary if word not in known and (mean := _mean_of_parts(word, known)) is not None
    }
    spread = float(np.std(list(known.values()), dtype=np.float64)) if known else 0.1
    matrix = rng.normal(0.0, spread, (len(vocabulary), config.dimension)).astype(np.float32)
    for row, word in enumerate(vocabulary):
        if word in known:
            matrix[row] = known[word]
    matrix[0] = 0.0
    coverage, respelt = (n / len(vocabulary) for n in (len(known), found.n_respelt))
    return reduced(WordVectors(matrix, coverage, respelt, found.notes), config.reduce_to)


def refuse_missing_packages(config: AnyVectorsConfig) -> None:
    """Raise ModelError if a package that these vectors need is not installed. A file says only when it is read
    whether it is gensim's."""
    if isinstance(config, Word2VecConfig | FastTextConfig):
        refuse_missing_gensim(f"vectors of kind {config.kind}")


def _mean_of_parts(word: str, known: Known) -> NDArray[np.float32] | None:
    """The vector of an n-gram, whose words have spaces between them."""
    parts = word.split(" ")
    if len(parts) == 1 or any(part not in known for part in parts):
        return None
    return np.asarray(np.mean([known[part] for part in parts], axis=0), dtype=np.float32)


def reduced(vectors: WordVectors, n_components: int | None) -> WordVectors:
    """The same vectors along their first principal axes; all of them without a number."""
    if n_components is None:
        return vectors
    matrix = np.zeros((len(vectors.matrix), n_components), dtype=np.float32)
    matrix[1:] = principal_components(vectors.matrix[1:], n_components)
    return replace(vectors, matrix=matrix)


def principal_components(matrix: NDArray[np.float32], n_components: int) -> NDArray[np.float32]:
    """Rows `[rows, features]` along their first principal axes, `[rows, n_components]`."""
    centred = (matrix - matrix.mean(axis=0)).astype(np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :n_components]
    return np.asarray(centred @ axes, dtype=np.float32)


def _none(config: RandomVectorsConfig, vocabulary: Sequence[str], sentences: Any, seed: int) -> FoundVectors:
    return FoundVectors(dimension=config.dimension, vectors={})


def _word2vec(config: Word2VecConfig, vocabulary: Sequence[str], sentences: Any, seed: int) -> FoundVectors:
    from gensim.models import Word2Vec

    model = Word2Vec(_only(vocabulary, sentences), **_training(config, seed))
    known = {word: model.wv[word] for word in vocabulary if word in model.wv}
    return FoundVectors(dimension=config.dimension, vectors=known)


def _fasttext(config: FastTextConfig, vocabulary: Sequence[str], sentences: Any, seed: int) -> FoundVectors:
    from gensim.models import FastText

    model = FastText(
        _only(vocabulary, sentences),
        min_n=config.min_ngram,
        max_n=max(config.min_ngram, config.max_ngram),
        bucket=FASTTEXT_BUCKETS,
        **_training(config, seed),
    )
    known = {word: model.wv[word] for word in vocabulary if word in model.wv.key_to_index}
    return FoundVectors(dimension=config.dimension, vectors=known)


def _only(vocabulary: Sequence[str], sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    words = set(vocabulary)
    return [[word for word in sentence if word in words] for sentence in sentences]


def _training(config: TrainedVectorsConfig, seed: int) -> dict[str, Any]:
    # One worker: with more, the order of the updates depends on the threads and no two runs are alike.
    return {
        "vector_size": config.dimension,
        "window": config.window,
        "sg": int(config.architecture == "skip_gram"),
        "min_count": 1,
        "epochs": config.epochs,
        "seed": seed,
        "workers": 1,
    }


def _from_file(config: FileVectorsConfig, vocabulary: Sequence[str], sentences: Any, seed: int) -> FoundVectors:
    found = read_vectors(config, vocabulary)
    refuse_strange_words(config, found, f"{n_of(len(vocabulary), 'word')} of the vocabulary")
    return found


def refuse_strange_words(config: FileVectorsConfig, found: FoundVectors, words: str) -> None:
    """Raise ModelError if a file has a vector for none of the words that it was asked for."""
    if not found.vectors:
        raise ModelError("; ".join([f"{config.path} has no vector for any of the {words}", *found.notes]))


SOURCES: dict[type[OwnVectorsConfig], Callable[[Any, Sequence[str], Any, int], FoundVectors]] = {
    Word2VecConfig: _word2vec,
    FastTextConfig: _fasttext,
    FileVectorsConfig: _from_file,
    RandomVectorsConfig: _none,
}


def read_vectors(config: FileVectorsConfig, vocabulary: Sequence[str]) -> FoundVectors:
    """The vectors that a file has for the words of a vocabulary, which may be empty.

    Raises ModelError for an unreadable file and for another dimension than the study says.
    """
    found = read_vector_file(config.path, vocabulary)
    if found.dimension != config.dimension:
        raise ModelError(
            f"{config.path} has vectors of dimension {found.dimension}, but the study says dimension={config.dimension}"
        )
    return found
