"""gensim's own files of word vectors (`.kv`), which are pickles, with large arrays in `.npy` files next to them."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.vectors.gensim_pickle import GensimAlone, Kept, UnknownNameError

CONVERSION = (
    "where it comes from a source that you trust, convert it there: vectors.save_word2vec_format('vectors.txt')"
)


def refuse_missing_gensim(what: str) -> None:
    """Raise ModelError if gensim, which `what` needs, is not installed."""
    if importlib.util.find_spec("gensim") is None:
        raise ModelError(
            f"{what} need the package gensim, which is not installed: pip install gensim. It has no wheel for Python 3.14, "
            "where that needs a C compiler; Python 3.13 and vectors of kind random need none"
        )


@dataclass(frozen=True, kw_only=True)
class Keyed:
    """`vectors` is `[words, dimension]`; `composed` makes a vector from a word's n-grams, if the file has them."""

    rows: Mapping[str, int]
    vectors: NDArray[np.float32]
    composed: Callable[[str], NDArray[np.float32] | None] | None


def read_keyed_vectors(path: Path) -> Keyed:
    """The vectors that gensim saved, alone or as a part of a Word2Vec or FastText model; nothing of the file is run.

    Raises ModelError for another pickle, and if its arrays are not next to it.
    """
    try:
        with path.open("rb") as file:
            found = GensimAlone(file, encoding="latin1").load()
        if not isinstance(found, Kept):
            raise pickle.UnpicklingError(
                f"it holds a {type(found).__name__} and no word vectors; save a KeyedVectors by its save, or a word and its numbers a line"
            )
        place, part = path, found.attributes.get("wv")
        if isinstance(part, Kept):
            place, found = path.with_name(f"{path.name}.wv"), part
        return _keyed(found, place)
    except FileNotFoundError as error:
        beside = Path(str(error.filename)).name
        raise ModelError(
            f"{path} cannot be read: its arrays are in {beside}, which must be in the same folder"
        ) from error
    except UnknownNameError as error:
        raise ModelError(f"{path} cannot be read as KeyedVectors of gensim: {error}; {CONVERSION}") from error
    except ModelError:
        raise
    except Exception as error:  # A damaged pickle raises anything.
        raise ModelError(
            f"{path} cannot be read as KeyedVectors of gensim: {str(error) or type(error).__name__}"
        ) from error


def _keyed(found: Kept, place: Path) -> Keyed:
    rows = _rows(found.attributes)
    if not rows and found.array("vectors", place) is None:
        raise pickle.UnpicklingError(f"it holds a {found.name} and no word vectors")
    n_grams = _NGrams.of(found, place) if found.name.startswith("FastText") else None
    vectors = found.array("vectors", place)
    if vectors is None:
        vectors = found.array("syn0", place)  # Its name before gensim 1.
    if vectors is None and n_grams is not None:
        vectors = n_grams.of_words(rows, found.array("vectors_vocab", place))
    shape = None if vectors is None else vectors.shape
    if (
        vectors is None
        or vectors.ndim != 2
        or not rows
        or not 0 <= min(rows.values()) <= max(rows.values()) < len(vectors)
    ):
        raise pickle.UnpicklingError(f"it has {n_of(len(rows), 'word')}, but vectors of shape {shape}")
    composed = n_grams.of_word if n_grams is not None and n_grams.bucket else None
    return Keyed(rows=rows, vectors=vectors, composed=composed)


def _rows(attributes: Mapping[str, Any]) -> dict[str, int]:
    """The row of each word, as gensim keeps it now and as it did before its version 4."""
    rows = attributes.get("key_to_index")
    if rows is None:
        of_before = attributes.get("vocab") or {}
        rows = {word: one.attributes["index"] for word, one in of_before.items() if isinstance(one, Kept)}
    if not isinstance(rows, dict) or not all(isinstance(word, str) and type(row) is int for word, row in rows.items()):
        raise pickle.UnpicklingError("its words are no words with a row for each")
    in_order = attributes.get("index_to_key")
    if isinstance(in_order, list) and not (
        len(in_order) == len(rows) and all(rows.get(word) == row for row, word in enumerate(in_order))
    ):
        raise pickle.UnpicklingError(f"its two lists of words, of {len(in_order):,} and {len(rows):,}, differ")
    return rows


@dataclass(frozen=True, kw_only=True)
class _NGrams:
    """The parts of a FastText word vector: `vectors` are `[bucket, dimension]`."""

    vectors: NDArray[Any]
    shortest: int
    longest: int
    bucket: int

    @staticmethod
    def of(found: Kept, place: Path) -> _NGrams:
        refuse_missing_gensim(f"the vectors of FastText in {place}")
        sizes = [found.attributes.get(name) for name in ("min_n", "max_n", "bucket")]
        vectors = found.array("vectors_ngrams", place)
        if found.attributes.get("compatible_hash") is not True:
            raise pickle.UnpicklingError(f"its n-grams are those of gensim before 3.8; {CONVERSION}")
        if not all(type(size) is int and 0 <= size < 1 << 31 for size in sizes) or vectors is None or vectors.ndim != 2:
            raise pickle.UnpicklingError("its n-grams have no vectors")
        shortest, longest, bucket = map(int, sizes)  # type: ignore[arg-type]
        if bucket > len(vectors):
            raise pickle.UnpicklingError(f"it has {bucket:,} n-grams, but {len(vectors):,} vectors of them")
        return _NGrams(vectors=vectors, shortest=shortest, longest=longest, bucket=bucket)

    def _numbers(self, word: str) -> list[int]:
        from gensim.models.fasttext import ft_ngram_hashes

        return list(ft_ngram_hashes(word, self.shortest, self.longest, self.bucket)) if self.bucket else []

    def of_word(self, word: str) -> NDArray[np.float32]:
        """As gensim makes it of a word that the file lacks."""
        numbers = self._numbers(word)
        total = self.vectors[numbers].astype(np.float32).sum(axis=0)
        return np.asarray(total / max(len(numbers), 1), dtype=np.float32)

    def of_words(self, rows: Mapping[str, int], words: NDArray[Any] | None) -> NDArray[np.float32] | None:
        """As gensim makes them of the words that the file has, whose own vectors `words` are; None without those."""
        if words is None or words.shape[1:] != self.vectors.shape[1:] or max(rows.values(), default=-1) >= len(words):
            return None
        whole = np.array(words, dtype=np.float32)
        for word, row in rows.items():
            numbers = self._numbers(word)
            whole[row] = (whole[row] + self.vectors[numbers].sum(axis=0)) / (len(numbers) + 1)
        return whole
