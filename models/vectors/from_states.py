"""From the states of a teacher to word vectors: centred, along their principal axes, weighted by frequency, of one spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distune.models.vectors.config import TeacherVectorsConfig


def vectors_of_states(
    states: NDArray[np.float32], config: TeacherVectorsConfig, shares: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Vectors `[words, dimension]` of states `[words, hidden_size]`, which are NaN for words without one.

    They are the states less their mean, along their first principal axes, times the weights of SIF, scaled to
    `config.spread`. `shares` `[words]` is the part of all tokens that each word is.
    """
    known = np.isfinite(states).all(axis=1)
    given = states[known].astype(np.float64)
    if config.centre:
        given -= given.mean(axis=0)
    vectors = np.full((len(states), config.dimension), np.nan, dtype=np.float32)
    weights = np.ones(len(states)) if config.sif is None else config.sif / (config.sif + shares)
    found = given @ _axes(given, config.dimension) * weights[known, None]
    spread = found.std()
    vectors[known] = found * (config.spread / spread) if spread else found
    return vectors


def _axes(rows: NDArray[np.float64], n_axes: int) -> NDArray[np.float64]:
    """The directions `[features, n_axes]` in which rows are longest, the longest first. The largest number of each is
    positive, so that no library's choice of a sign counts."""
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :n_axes]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return np.asarray(axes * np.sign(largest))
