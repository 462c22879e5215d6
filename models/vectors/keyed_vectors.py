"""gensim's own files of word vectors (`.kv`), which are pickles, with large arrays in `.npy` files beside them."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.errors import ModelError

MODULES = ("gensim.models.keyedvectors", "gensim.models.word2vec", "gensim.models.fasttext")
"""Where gensim's classes stand; their functions are not called."""
FUNCTIONS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("numpy.random._pickle", "__randomstate_ctor"),
    ("numpy.random._pickle", "__bit_generator_ctor"),
    ("numpy.random._mt19937", "MT19937"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("builtins", "hash"),
    ("gensim.utils", "call_on_class_only"),
    ("builtins", "int"),
    ("builtins", "set"),
    ("_codecs", "encode"),
}


class _GensimAlone(pickle.Unpickler):
    """Makes gensim's vectors and NumPy's arrays, and runs nothing else that a pickle may name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in FUNCTIONS:
            return super().find_class(module, name)
        if module in MODULES and "." not in name and isinstance(found := super().find_class(module, name), type):
            return found
        raise pickle.UnpicklingError(f"it names {module}.{name}, which belongs to no word vectors of gensim")


def refuse_missing_gensim(what: str) -> None:
    """Raise ModelError where gensim, which `what` needs, is not installed."""
    if importlib.util.find_spec("gensim") is None:
        raise ModelError(
            f"{what} need the package gensim, which is not installed: pip install gensim. It has no wheel for Python 3.14, "
            "where that needs a C compiler; Python 3.13 and vectors of kind random need none"
        )


@dataclass(frozen=True, kw_only=True)
class Keyed:
    """`vectors` is `[words, dimension]`; `composed` makes a vector of a word's n-grams, where the file has those."""

    rows: Mapping[str, int]
    vectors: NDArray[np.float32]
    composed: Callable[[str], NDArray[np.float32] | None] | None


def read_keyed_vectors(path: Path) -> Keyed:
    """The vectors that gensim saved, alone or as a part of a Word2Vec or FastText model.

    Raises ModelError for another pickle and for one whose arrays are not beside it.
    """
    refuse_missing_gensim(f"the vectors in {path}")
    from gensim.models import KeyedVectors
    from gensim.models.fasttext import FastTextKeyedVectors

    try:
        with path.open("rb") as file:
            looked_at = _GensimAlone(file).load()
        if not hasattr(looked_at, "__dict__"):
            raise pickle.UnpicklingError(
                f"it holds a {type(looked_at).__name__} and no word vectors; save a KeyedVectors by its save, or a word and its numbers a line"
            )
        if _has_sparse(looked_at):
            raise pickle.UnpicklingError("it names a second pickle")
        found = KeyedVectors.load(str(path), mmap="r")
        found = getattr(found, "wv", found)
        if not isinstance(found, KeyedVectors):
            raise pickle.UnpicklingError(f"it holds a {type(found).__name__} and no word vectors")
        rows, vectors = dict(found.key_to_index), np.asarray(found.vectors)
        if vectors.ndim != 2 or not rows or max(rows.values()) >= len(vectors):
            raise pickle.UnpicklingError(f"it has {len(rows):,} words, but vectors of shape {vectors.shape}")
    except FileNotFoundError as error:
        beside = Path(str(error.filename)).name
        raise ModelError(f"{path} cannot be read: its arrays are in {beside}, which must lie beside it") from error
    except Exception as error:  # A damaged pickle raises anything.
        raise ModelError(
            f"{path} cannot be read as KeyedVectors of gensim: {str(error) or type(error).__name__}"
        ) from error
    composed = _composed(found) if isinstance(found, FastTextKeyedVectors) else None
    return Keyed(rows=rows, vectors=vectors, composed=composed)


def _has_sparse(model: Any) -> bool:
    """Whether gensim would read further pickles, which it does for sparse matrices."""
    parts = [model, *vars(model).values()]
    return any(getattr(part, "__dict__", {}).get("__scipys") for part in parts)


def _composed(found: Any) -> Callable[[str], NDArray[np.float32] | None]:
    def of(word: str) -> NDArray[np.float32] | None:
        return np.asarray(found[word], dtype=np.float32) if word in found else None

    return of
