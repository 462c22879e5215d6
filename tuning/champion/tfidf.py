"""TF-IDF features of texts and of pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._pairs import sides


def features(words: Any, texts: Sequence[str], with_overlap: bool) -> Any:
    """The sparse features `[texts, columns]` by a fitted vectorizer. Those of a pair are the distance and the product of the features
    of its two texts, and with `with_overlap` its overlap."""
    from scipy.sparse import csr_matrix, hstack

    columns = [words.transform(side) for side in zip(*map(sides, texts), strict=True)]
    if len(columns) == 1:
        return columns[0]
    first, second = columns
    product = first.multiply(second)
    parts = [abs(first - second), product]
    return hstack([*parts, csr_matrix(overlap(first, second))] if with_overlap else parts).tocsr()


def overlap(first: Any, second: Any) -> NDArray[np.float64]:
    """How much the texts of pairs share, `[pairs, 5]`.

    The first column is the cosine of the two texts. The next three are the shared part of all their n-grams, of the first
    text's and of the second's. The last is the difference of their numbers of n-grams, as a part of the larger number.
    """

    def total(of: Any) -> NDArray[np.float64]:
        return np.asarray(of.sum(axis=1), dtype=np.float64).ravel()

    of_first, of_second = first > 0, second > 0
    shared, n_first, n_second = total(of_first.multiply(of_second)), total(of_first), total(of_second)
    larger = np.maximum(np.maximum(n_first, n_second), 1)
    return np.stack(
        [
            total(first.multiply(second)),
            shared / np.maximum(n_first + n_second - shared, 1),
            shared / np.maximum(n_first, 1),
            shared / np.maximum(n_second, 1),
            np.abs(n_first - n_second) / larger,
        ],
        axis=1,
    )
