"""Numbers in a narrower type: they are rounded so that no text changes its class, or they are refused."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distune.corpora.texts import CorpusError

LARGEST_IN_HALF = 256.0
"""Below it float16 moves a logit by 1/16 at most; from 2,048 on it holds even numbers only, and above 65,504 nothing."""
Floats = NDArray[np.floating[Any]]


def narrowed(logits: Floats, dtype: Literal["float16", "float32"], source: str) -> Floats:
    """Logits `[texts, classes]` in a narrower type.

    Two logits that differ may round to one number, of which the first class would be the answer then; the others of such
    a text are taken one step lower. Raises CorpusError, which names the `source`, for a number beyond the type.
    """
    with np.errstate(over="ignore"):
        rounded = logits.astype(dtype)
    _refuse_beyond(logits, rounded, source, "divide the logits by one number")
    return with_classes(rounded, logits.argmax(axis=1)) if logits.size else rounded


def with_classes(rounded: Floats, classes: NDArray[np.int64]) -> Floats:
    """Rounded logits `[texts, classes]` in which the largest of each text is that of its class `[texts]`, alone or first."""
    for row in np.flatnonzero(rounded.argmax(axis=1) != classes):
        tied = rounded[row] == rounded[row, classes[row]]
        tied[classes[row]] = False
        rounded[row, tied] = np.nextafter(rounded[row, tied], np.array(-np.inf, dtype=rounded.dtype))
    return rounded


def narrowest(logits: Floats) -> Floats:
    """Logits in float16 if they are small enough for it, else in float32."""
    largest = float(np.abs(logits).max(initial=0.0))
    return narrowed(logits, "float16" if largest < LARGEST_IN_HALF else "float32", "the teacher's logits")


def hidden_in_half(hidden: Floats, source: str) -> NDArray[np.float16]:
    """Hidden states in float16, in which they are kept; raises CorpusError for a number beyond it."""
    with np.errstate(over="ignore"):
        rounded = hidden.astype(np.float16)
    _refuse_beyond(hidden, rounded, source, "do without hidden states, or take those of another layer")
    return rounded


def _refuse_beyond(values: Floats, rounded: Floats, source: str, what_to_do: str) -> None:
    beyond = np.isfinite(values) & ~np.isfinite(rounded)
    if beyond.any():
        largest, others = np.finfo(rounded.dtype).max, int(beyond.sum()) - 1
        raise CorpusError(
            f"{source}: numbers must be within ±{largest:.6g} to be kept in {rounded.dtype}, but got "
            f"{values[beyond][0]:.6g}{f' and {others} others' if others else ''}; {what_to_do}"
        )
