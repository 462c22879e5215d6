"""Vectors of texts by a siamese student of pairs, each computed once, and the answers to pairs of such vectors.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .answers import TextError
from .checkpoint_folder import PULL_AGAIN, CheckpointError, read_json

if TYPE_CHECKING:
    from .predictor import Predictor

PAIR_HEAD = "pair_head.onnx"
"""The part of a siamese student's graph that answers: from `states` `[2 * pairs, features]` to its logits."""
STATES = "states"
"""The second output of a siamese graph: the vectors of all first texts of a batch, and then of all second ones."""
PAIRS_TOGETHER = 1024
"""Pairs of vectors that are compared together."""


def refuse_without_head(folder: Path, outputs: Sequence[str], is_of_pairs: bool) -> None:
    """Raise CheckpointError, which says why, for a folder whose student gives no vectors of single texts; `outputs` are those of its graph."""
    if not is_of_pairs:
        raise CheckpointError(f"{folder} answers single texts, and so compares none: encode needs a student of pairs")
    config: Any = read_json(folder / "config.json")
    student = config.get("student") or {}
    kind = student.get("pair", "joined")
    if kind == "joined":
        raise CheckpointError(
            f"{folder} reads both texts of a pair as one (student.pair: joined), so that a text has no vector of its own: ask for pairs, "
            "or train a student with pair: siamese or symmetric"
        )
    if student.get("overlap"):
        raise CheckpointError(
            f"{folder} compares the tokens of both texts of a pair (student.overlap: true), so that the vector of one is not enough: ask for "
            "pairs, or train a student without overlap"
        )
    if STATES not in outputs:
        raise CheckpointError(
            f"{folder} is of an earlier version, whose network gives no vectors of single texts: ask for pairs, or train or compress the "
            "student again"
        )
    if not (folder / PAIR_HEAD).is_file():
        raise CheckpointError(
            f"{folder} is in dynamic INT8, which reads both texts of a pair by one range, so that a text has no vector of its own: "
            "ask for pairs, or compress by half, embedding_int8 or int8_static"
        )


def texts_to_encode(texts: Iterable[str]) -> list[str]:
    """The texts, each of which has a vector. Raises TextError for a row that is no text or a blank one."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"encode takes a list of texts, but got one: [{texts!r}] asks for one text")
    rows = list(texts)
    for i, text in enumerate(rows):
        if not isinstance(text, str):
            raise TextError(f"row {i}: a text to encode must be a string, but got {text!r:.200}")
        if not text.strip():
            raise TextError(f"row {i} is blank, and no pair has one blank text: leave it out")
    return rows


def states_of(predictor: Predictor, texts: Sequence[str]) -> NDArray[np.float32]:
    """The vector of each text `[texts, features]`, in order. Texts of about one length are read together, two as a pair."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    states = np.empty((len(texts), _width(predictor.head)), dtype=np.float32)
    together = 2 * predictor.graph.batch_size
    for start in range(0, len(order), together):
        batch = order[start : start + together]
        first, second = batch[::2], batch[1::2]
        beside = (
            second if len(second) == len(first) else [*second, first[-1]]
        )  # The last of an odd number is its own partner.
        rows = [predictor.encoder((texts[i], texts[j])) for i, j in zip(first, beside, strict=True)]
        of_rows = predictor.graph.run(rows, [STATES])
        states[first], states[beside] = of_rows[: len(rows)], of_rows[len(rows) :]
    return states


def logits_of_states(predictor: Predictor, first: Any, second: Any) -> NDArray[np.float32]:
    """Logits `[pairs, classes]` of the vectors of first and of second texts, `[pairs, features]` each. One vector on a side
    is compared with each of the other's. Raises ValueError for what are no such vectors."""
    width = _width(predictor.head)
    u, v = (_vectors(side, name, width) for side, name in ((first, "first"), (second, "second")))
    if len(u) != len(v) and 1 not in (len(u), len(v)):
        raise ValueError(
            f"compare takes as many first vectors as second ones, or one of either, but got {len(u)} and {len(v)}: for all with all, "
            "compare each of one side with the whole other side"
        )
    n_pairs = len(v) if len(u) == 1 else len(u)
    u, v = (np.broadcast_to(side, (n_pairs, width)) for side in (u, v))
    logits = np.empty((n_pairs, len(predictor.labels)), dtype=np.float32)
    together = 1 if predictor.graph.batch_size == 1 else PAIRS_TOGETHER
    for start in range(0, n_pairs, together):
        part = slice(start, start + together)
        logits[part] = predictor.head.run(predictor.graph.outputs, {STATES: np.concatenate([u[part], v[part]])})[0]
    return logits


def _width(head: Any) -> int:
    (states,) = head.get_inputs()
    return int(states.shape[1])


def _vectors(side: Any, name: str, width: int) -> NDArray[np.float32]:
    vectors = np.asarray(side)
    if vectors.ndim == 1 and vectors.shape == (width,):
        vectors = vectors[None]
    if vectors.ndim != 2 or vectors.shape[1] != width or vectors.dtype.kind != "f":
        raise ValueError(
            f"compare takes vectors as encode gives them, an array [texts, {width}] of floats, but the {name} is {list(vectors.shape)} of "
            f"{vectors.dtype}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError(f"compare takes vectors as encode gives them, but the {name} have a number that is not finite")
    return vectors.astype(np.float32)


def check_head(head: Any, place: Path, output: str) -> None:
    """Raise CheckpointError unless a graph goes from states to the logits of a student."""
    taken = [(one.name, one.type, len(one.shape)) for one in head.get_inputs()]
    given = [(one.name, one.type, len(one.shape)) for one in head.get_outputs()]
    if taken != [(STATES, "tensor(float)", 2)] or given != [(output, "tensor(float)", 2)]:
        raise CheckpointError(f"{place} is no graph from {STATES} to {output}; {PULL_AGAIN}")
