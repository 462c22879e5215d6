"""The settings of compression in a study. They need no torch and no onnx: each kind imports its own module when it
is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from distune.models.compression.trained import CalibrationData, Trained


class CompressionShape(BaseModel, frozen=True, extra="forbid"):
    """The effect of a kind on a trained student (none by default), and on the graph that serves it."""

    is_exact: ClassVar[bool] = True
    """Whether the graph answers as the student does in torch; that of a kind with a `quantize` does not."""

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        """The student as this kind leaves it; raises ModelError for one that it cannot follow."""
        return trained

    def quantize(self, graph: bytes, material: CalibrationData) -> bytes:
        """The graph as this kind leaves it."""
        return graph


class NoCompressionConfig(CompressionShape, frozen=True):
    """The student is not compressed."""

    kind: Literal["none"] = "none"


class FineTunedConfig(CompressionShape, frozen=True):
    """Settings of every compression that changes weights."""

    epochs: int = Field(default=0, ge=0)
    """The number of epochs of fine-tuning afterwards, with the student's own loss."""


class TrimVocabularyConfig(FineTunedConfig, frozen=True):
    """The rarest words lose their vectors."""

    kind: Literal["trim_vocabulary"]
    keep: float = Field(default=0.5, gt=0, le=1)
    """The part of the vocabulary that is kept, the most frequent words first."""

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.vocabulary import trim_vocabulary

        return trim_vocabulary(trained, self, material)


class PruneUnitsConfig(FineTunedConfig, frozen=True):
    """The hidden units with the smallest weights are removed."""

    kind: Literal["prune_units"]
    keep: float = Field(default=0.5, gt=0, le=1)
    """The part of the units that is kept, in recurrent layers, filters, feed-forward parts and hidden layers."""
    epochs: int = Field(default=1, ge=0)

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.units import prune_units

        return prune_units(trained, self, material)


class PruneWeightsConfig(FineTunedConfig, frozen=True):
    """The smallest weights become zero. This makes no runtime here faster or smaller."""

    kind: Literal["prune_weights"]
    sparsity: float = Field(default=0.8, ge=0, lt=1)
    """The part of the weights of each matrix that becomes zero. Word vectors and biases do not change."""
    epochs: int = Field(default=1, ge=0)

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.weights import prune_weights

        return prune_weights(trained, self, material)


class LowRankConfig(FineTunedConfig, frozen=True):
    """Each matrix becomes the product of two thin ones."""

    kind: Literal["low_rank"]
    energy: float = Field(default=0.9, gt=0, le=1)
    """The part of a matrix's squared singular values that is kept."""
    rank: int | None = Field(default=None, ge=1)
    """One rank for all matrices, instead of the energy."""

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.low_rank import factorise

        return factorise(trained, self, material)


class EmbeddingInt8Config(FineTunedConfig, frozen=True):
    """Word vectors have 8 bits. Fine-tuning trains the layers that read them, and does not change them."""

    kind: Literal["embedding_int8"]

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.embedding import quantize_embedding

        return quantize_embedding(trained, self, material)


class HalfConfig(CompressionShape, frozen=True):
    """Weights are stored in 16 bits and widened when they are loaded."""

    kind: Literal["half"]
    dtype: Literal["float16", "bfloat16"] = "float16"
    """The number type: `float16` keeps more digits, and `bfloat16` keeps a wider range."""

    def shrink(self, trained: Trained, material: CalibrationData) -> Trained:
        from distune.models.compression.half import halve

        return halve(trained, self, material)


class Int8Config(CompressionShape, frozen=True):
    """Dynamic INT8 by ONNX Runtime: dense layers, word vectors and LSTM cells. It needs no texts."""

    is_exact: ClassVar[bool] = False
    kind: Literal["int8"]

    def quantize(self, graph: bytes, material: CalibrationData) -> bytes:
        from distune.models.compression.int8 import quantize_graph

        return quantize_graph(graph)


class Int8StaticConfig(CompressionShape, frozen=True):
    """Static INT8: the ranges come from train texts. Recurrent cells stay in float32, because ONNX Runtime has no
    such kernel."""

    is_exact: ClassVar[bool] = False
    kind: Literal["int8_static"]
    calibration_texts: int = Field(default=256, ge=1)
    """The number of train texts that give the ranges."""

    def quantize(self, graph: bytes, material: CalibrationData) -> bytes:
        from distune.models.compression.int8 import quantize_graph_static

        return quantize_graph_static(graph, self, material)


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
