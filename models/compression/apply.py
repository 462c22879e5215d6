"""How a compression is applied: to a trained student, and to the graph that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.compression.config import AnyCompressionConfig, HalfConfig
from distune.models.compression.trained import CalibrationData, Structure, Trained
from distune.models.onnx_export import export_onnx
from distune.models.students.config import StudentShape


@dataclass(frozen=True)
class Compressed:
    """A student as it is served: `graph` is its ONNX graph, which answers as torch does where `is_exact`."""

    trained: Trained
    graph: bytes
    is_exact: bool


def compress(trained: Trained, configs: Sequence[AnyCompressionConfig], material: CalibrationData) -> Compressed:
    """Apply compressions one after the other; those of the graph come last, whatever their place.

    Raises ModelError for two that exclude each other.
    """
    for config in configs:
        trained = config.shrink(trained, material)
    if trained.structure.dtype != "float32":  # Whatever came last, what is stored in 16 bits is rounded to them.
        trained = HalfConfig(kind="half", dtype=trained.structure.dtype).shrink(trained, material)
    graph, is_exact = graph_of(trained), True
    for config in configs:
        graph, is_exact = config.quantize(graph, material), is_exact and config.is_exact
    return Compressed(trained, graph, is_exact)


def graph_of(trained: Trained) -> bytes:
    """The ONNX graph of a student, its weights stored as its structure says."""
    structure, graph = trained.structure, export_onnx(trained.student)
    # Most students are whole: for them neither module, and what it imports, is paid for.
    if structure.ranks:
        from distune.models.compression.low_rank import factorise_graph

        graph = factorise_graph(graph, dict(structure.ranks))
    if structure.dtype != "float32":
        from distune.models.compression.half import halve_graph

        graph = halve_graph(graph, structure.dtype)
    return graph


def rebuild(config: StudentShape, structure: Structure, vectors: NDArray[np.float32], n_classes: int) -> Trained:
    """A student of that structure over vectors `[vocabulary, dimension]`, ready for its weights."""
    student = config.build(vectors, n_classes).eval()
    if structure.n_tokens is not None:
        from distune.models.compression.vocabulary import keep_tokens

        keep_tokens(student.embedding, structure.n_tokens)
    if structure.ranks:
        from distune.models.compression.low_rank import use_factors

        use_factors(student, dict(structure.ranks))
    if structure.int8_embedding:
        from distune.models.compression.embedding import use_int8_tables

        use_int8_tables(student.embedding)
    return Trained(student, config, structure)


def graph_logits(graph: bytes, rows: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.float32]:
    """Logits `[rows, classes]` of a graph in ONNX Runtime, one row at a time, as a waiting user is served."""
    from distune.models.network import open_session, run_network

    session = open_session(graph)
    return np.concatenate([run_network(session, [row.tolist()]) for row in rows])
