"""The compressions as one union, and how one is applied: to a trained student, and to the graph that serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from distune.models.compression.embedding import EmbeddingInt8Config, quantize_embedding, use_int8_tables
from distune.models.compression.half import HalfConfig, halve, halve_graph
from distune.models.compression.int8 import Int8Config, Int8StaticConfig, quantize_graph, quantize_graph_static
from distune.models.compression.low_rank import LowRankConfig, factorise, factorise_graph, use_factors
from distune.models.compression.trained import CalibrationData, Structure, Trained
from distune.models.compression.units import PruneUnitsConfig, prune_units
from distune.models.compression.vocabulary import TrimVocabularyConfig, keep_tokens, trim_vocabulary
from distune.models.compression.weights import PruneWeightsConfig, prune_weights
from distune.models.onnx_export import export_onnx
from distune.models.predictor import open_session, run_network
from distune.models.students.student import AnyStudentConfig, build_student


class NoCompressionConfig(BaseModel, frozen=True, extra="forbid"):
    """The student as it was trained."""

    kind: Literal["none"] = "none"


AnyCompressionConfig = (
    NoCompressionConfig
    | TrimVocabularyConfig
    | PruneUnitsConfig
    | PruneWeightsConfig
    | LowRankConfig
    | EmbeddingInt8Config
    | HalfConfig
    | Int8Config
    | Int8StaticConfig
)
CompressionConfig = Annotated[AnyCompressionConfig, Field(discriminator="kind")]


@dataclass(frozen=True)
class Compression:
    """What a kind does to the student (nothing by default), and to its graph."""

    shrink: Callable[[Trained, Any, CalibrationData], Trained] = lambda trained, config, material: trained
    quantize: Callable[[bytes, Any, CalibrationData], bytes] | None = None
    """A graph that is quantized answers otherwise than the student in torch."""


COMPRESSIONS: dict[type[AnyCompressionConfig], Compression] = {
    NoCompressionConfig: Compression(),
    TrimVocabularyConfig: Compression(trim_vocabulary),
    PruneUnitsConfig: Compression(prune_units),
    PruneWeightsConfig: Compression(prune_weights),
    LowRankConfig: Compression(factorise),
    EmbeddingInt8Config: Compression(quantize_embedding),
    HalfConfig: Compression(halve),
    Int8Config: Compression(quantize=quantize_graph),
    Int8StaticConfig: Compression(quantize=quantize_graph_static),
}


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
        trained = COMPRESSIONS[type(config)].shrink(trained, config, material)
    if trained.structure.dtype != "float32":  # Whatever came last, what is stored in 16 bits is rounded to them.
        trained = halve(trained, HalfConfig(kind="half", dtype=trained.structure.dtype), material)
    graph, is_exact = graph_of(trained), True
    for config in configs:
        quantize = COMPRESSIONS[type(config)].quantize
        if quantize is not None:
            graph, is_exact = quantize(graph, config, material), False
    return Compressed(trained, graph, is_exact)


def graph_of(trained: Trained) -> bytes:
    """The ONNX graph of a student, its weights stored as its structure says."""
    graph = factorise_graph(export_onnx(trained.student), dict(trained.structure.ranks))
    return graph if trained.structure.dtype == "float32" else halve_graph(graph, trained.structure.dtype)


def rebuild(config: AnyStudentConfig, structure: Structure, vectors: NDArray[np.float32], n_classes: int) -> Trained:
    """A student of that structure over vectors `[vocabulary, dimension]`, ready for its weights."""
    student = build_student(config, vectors, n_classes).eval()
    if structure.n_tokens is not None:
        keep_tokens(student.embedding, structure.n_tokens)
    use_factors(student, dict(structure.ranks))
    if structure.int8_embedding:
        use_int8_tables(student.embedding)
    return Trained(student, config, structure)


def graph_logits(graph: bytes, rows: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.float32]:
    """Logits `[rows, classes]` of a graph in ONNX Runtime, one row at a time, as a waiting user is served."""
    session = open_session(graph)
    return np.concatenate([run_network(session, [row.tolist()]) for row in rows])
