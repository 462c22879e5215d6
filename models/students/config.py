"""The settings of the student in a study. They need no torch: each family imports its own module when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from distune._kinds import OpenKinds, Part, kind_of
from distune.models.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from distune.models.students.student import Student
    from distune.models.students.units import PrunedBody

Channels = Literal["tuned", "static", "both"]
PoolingKind = Literal["mean", "max", "attention"]
PairKind = Literal["joined", "siamese", "symmetric"]


class StudentShape(Part, frozen=True):
    """The settings that every family of students has; a family adds its own, and `build_body`.

    class GatedConfig(StudentShape, frozen=True):
        kind: Literal["gated"]
        features: int = 32

        def build_body(self, n_inputs: int) -> nn.Module:
            return Gated(n_inputs, self.features)
    """

    channels: Channels = "tuned"
    """The use of the word vectors: tuned, static, or one channel of each (Kim 2014, section 3.1)."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """The part of the features that each training step drops."""
    pooling: PoolingKind = "mean"
    """The way in which the states of a text's tokens become one: their mean, their maximum, or a mean with learned
    weights."""
    layer_norm: bool = False
    """`true` normalises the pooled state of the text."""
    pair: PairKind = "joined"
    """The way in which the student reads a pair of texts (`corpus.text_b`). `joined` reads them as one text with a separator
    between them. `siamese` reads each by itself, and its head sees both states, their distance and their product (Tang et
    al. 2019). `symmetric` is siamese, and gives both orders of a pair the same answer."""
    overlap: bool = False
    """`true` also tells the head how much of the two texts of a pair is shared. Each token has a weight, which the student
    learns from its vector (Wan et al. 2006; Ji and Eisenstein 2013)."""
    hidden_layer: int = Field(default=0, ge=0, le=4096)
    """Units of each hidden layer before the logits; 0 for none."""
    hidden_layers: int = Field(default=1, ge=1, le=8)
    """The number of hidden layers, if `hidden_layer` is not 0."""

    def build(self, vectors: NDArray[np.float32], n_classes: int) -> Student:
        """A student with fresh weights over word vectors `[vocabulary, dimension]`, whose row 0 is the padding."""
        import torch

        from distune.models.students.student import Student

        return Student(self, torch.tensor(vectors), n_classes)

    def build_body(self, n_inputs: int) -> nn.Module:
        """The part of the family that reads word vectors: it turns `(vectors, lengths)` into states `[batch, length,
        output_size]`, which must be zero beyond a text's end."""
        raise NotImplementedError

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        """The part `keep` of the units of such a body, those with the largest weights. Raises ModelError for a kind without one."""
        raise ModelError(f"prune_units cannot shrink the student {kind_of(type(self))}: its class has no keep_units")


class RecurrentConfig(StudentShape, frozen=True):
    """Settings of both recurrent families."""

    hidden_size: int = Field(default=64, ge=1, le=4096)
    """The number of units in each direction."""
    layers: int = Field(default=1, ge=1, le=8)
    """The number of recurrent layers."""

    def build_body(self, n_inputs: int) -> nn.Module:
        from distune.models.students.recurrent import Recurrent

        return Recurrent(self, n_inputs)

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        from distune.models.students.recurrent import keep_recurrent_units

        return keep_recurrent_units(body, self, keep)


class BiLSTMConfig(RecurrentConfig, frozen=True):
    """The biLSTM student."""

    kind: Literal["bilstm"]


class BiGRUConfig(RecurrentConfig, frozen=True):
    """The biGRU student."""

    kind: Literal["bigru"]


class TextCNNConfig(StudentShape, frozen=True):
    """The convolutional student."""

    kind: Literal["textcnn"]
    filters: int = Field(default=64, ge=1, le=4096)
    """The number of filters of each width."""
    width: int = Field(default=3, ge=1, le=16)
    """The smallest width, in tokens."""
    widths: int = Field(default=3, ge=1, le=8)
    """The number of widths: 3 from a width of 3 are 3, 4 and 5."""
    layers: int = Field(default=1, ge=1, le=8)
    """The number of layers of convolutions."""
    pooling: PoolingKind = "max"

    def build_body(self, n_inputs: int) -> nn.Module:
        from distune.models.students.textcnn import Convolutions

        return Convolutions(self, n_inputs)

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        from distune.models.students.textcnn import keep_filters

        return keep_filters(body, self, keep)


class AverageConfig(StudentShape, frozen=True):
    """The averaged-word-vector student."""

    kind: Literal["average"]
    hidden_layer: int = Field(default=64, ge=0, le=4096)

    def build_body(self, n_inputs: int) -> nn.Module:
        from distune.models.students.average import NoBody

        return NoBody(n_inputs)

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        from distune.models.students.average import keep_words

        return keep_words(body, self)


class TransformerConfig(StudentShape, frozen=True):
    """The transformer student; its states have `heads * head_size` features."""

    kind: Literal["transformer"]
    heads: int = Field(default=4, ge=1, le=64)
    """The number of attention heads of each layer."""
    head_size: int = Field(default=16, ge=2, le=256, multiple_of=2)
    """The number of features of each head; an even number."""
    layers: int = Field(default=1, ge=1, le=12)
    """The number of encoder layers."""
    feedforward: int = Field(default=128, ge=1, le=16_384)
    """The number of units of each layer's feed-forward part."""

    def build_body(self, n_inputs: int) -> nn.Module:
        from distune.models.students.transformer import Transformer

        return Transformer(self, n_inputs)

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        from distune.models.students.transformer import keep_feedforward

        return keep_feedforward(body, self, keep)


AnyStudentConfig = BiLSTMConfig | BiGRUConfig | TextCNNConfig | AverageConfig | TransformerConfig
STUDENTS = OpenKinds(
    part="student", group="distune.students", base=StudentShape, ours=AnyStudentConfig, builder="build_body"
)
StudentConfig = Annotated[AnyStudentConfig, STUDENTS]
