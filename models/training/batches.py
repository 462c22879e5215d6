"""Batches of rows of about one length, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKET_BATCHES = 50


def shuffled_batches(
    lengths: NDArray[np.integer[Any]], batch_size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Every row once: shuffled, sorted by length inside buckets of 50 batches, the batches shuffled again.

    `lengths` is `[rows]`; each result holds at most `batch_size` row numbers.
    """
    order = rng.permutation(len(lengths))
    width = batch_size * BUCKET_BATCHES
    buckets = [order[start : start + width] for start in range(0, len(order), width)]
    order = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def endless_batches(
    lengths: NDArray[np.integer[Any]], batch_size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Epoch after epoch of `shuffled_batches`."""
    while True:
        yield from shuffled_batches(lengths, batch_size, rng)


def sorted_batches(lengths: NDArray[np.integer[Any]], batch_size: int) -> list[NDArray[np.int64]]:
    """Every row once, longest first, so that a lack of memory shows in the first batch."""
    order = np.argsort(-lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def token_batches(lengths: NDArray[np.integer[Any]], max_tokens: int) -> list[NDArray[np.int64]]:
    """Every row once, longest first, in batches of at most `max_tokens` with their padding, or of one row."""
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        # Padded to its longest row, which is its first.
        end = start + max(1, int(max_tokens // max(1, lengths[order[start]])))
        batches.append(order[start:end])
        start = end
    return batches
