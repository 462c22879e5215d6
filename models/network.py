"""The graph of a checkpoint in ONNX Runtime: opened, checked and run.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from .checkpoint_folder import PULL_AGAIN, CheckpointError
from .pair_vectors import STATES

MAX_THREADS = 1024
"""No machine has that many cores, but ONNX Runtime starts any number of threads."""
OUTPUT, OUTPUT_OF_SETS = "logits", "label_logits"
"""The output of a graph, and that of a graph for several labels a text. A program that takes the largest of `logits` finds none there."""
REFUSALS: tuple[type[Exception], ...] = (
    *(one for one in vars(onnxruntime_pybind11_state).values() if isinstance(one, type) and issubclass(one, Exception)),
    UnicodeDecodeError,
)
"""The errors of ONNX Runtime itself, which have no class in common, and that of a damaged name in a graph."""
RUN_OPTIONS = onnxruntime.RunOptions()
"""Without them every call makes some, which takes a tenth of the shortest call."""


def open_session(model: str | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU, of a path or a graph in memory."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A graph holds all its weights: one that names files for them would read these from wherever the program was started.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_network(
    session: onnxruntime.InferenceSession,
    rows: Sequence[Sequence[int]],
    options: onnxruntime.RunOptions = RUN_OPTIONS,
    outputs: Sequence[str] | None = None,
) -> NDArray[np.float32]:
    """Logits `[rows, classes]` of rows of token ids, computed as one batch. `outputs` names the graph's one output; a short
    call is 4 % faster with it."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    if len(rows) == 1:  # A text alone has no padding, and its answer is short enough for this to count.
        token_ids = np.array(rows, dtype=np.int64)
    else:
        token_ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
        for i, row in enumerate(rows):
            token_ids[i, : len(row)] = row
    return run_padded(session, token_ids, lengths, options, outputs)


def run_padded(
    session: onnxruntime.InferenceSession,
    token_ids: NDArray[np.int64],
    lengths: NDArray[np.int64],
    options: onnxruntime.RunOptions,
    outputs: Sequence[str] | None,
) -> NDArray[np.float32]:
    """The logits of token ids `[rows, length]`, filled up with 0."""
    logits: NDArray[np.float32] = session.run(outputs, {"token_ids": token_ids, "lengths": lengths}, options)[0]
    return logits


def check_graph(session: onnxruntime.InferenceSession, place: Path, output: str) -> None:
    """Raise CheckpointError unless the graph leads from token ids to the logits named `output`."""
    taken = {one.name: one.type for one in session.get_inputs()}
    given = [(one.name, one.type, len(one.shape)) for one in session.get_outputs() if one.name != STATES]
    if taken != dict.fromkeys(("token_ids", "lengths"), "tensor(int64)") or given != [(output, "tensor(float)", 2)]:
        raise CheckpointError(
            f"{place} is no graph of such a student, from token_ids and lengths to {output}; {PULL_AGAIN}"
        )


def opened(graph: bytes, threads: int, place: Path) -> onnxruntime.InferenceSession:
    """The session of the graph that was read at `place`. Raises CheckpointError for what is no graph."""
    try:
        return open_session(graph, threads)
    except REFUSALS as error:
        said = " ".join(str(error).split())
        raise CheckpointError(f"{place} cannot be opened ({said:.200}); {PULL_AGAIN}") from error
