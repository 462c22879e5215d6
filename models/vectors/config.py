"""The settings of word vectors in a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

Dimension = Annotated[int, Field(ge=1, le=4096)]


class _Vectors(BaseModel, frozen=True, extra="forbid"):
    dimension: Dimension = 100
    """The numbers in each vector. The vectors of a file keep their own dimension."""
    reduce_to: Dimension | None = None
    """The number of principal components that are kept, at most `dimension`."""

    @model_validator(mode="after")
    def _fewer_than_there_are(self) -> Self:
        if self.reduce_to is not None and self.reduce_to > self.dimension:
            raise ValueError(f"reduce_to must be <= dimension={self.dimension}, but got reduce_to={self.reduce_to}")
        return self


class TrainedVectorsConfig(_Vectors, frozen=True):
    """Vectors that are trained on the train and transfer texts."""

    architecture: Literal["skip_gram", "cbow"] = "skip_gram"
    """The architecture: a word predicts its neighbours (skip-gram), or the neighbours predict the word (CBOW)."""
    window: int = Field(default=5, ge=1)
    """The number of words on either side that are neighbours."""
    epochs: int = Field(default=5, ge=1)
    """The number of passes over the train and transfer texts."""


class Word2VecConfig(TrainedVectorsConfig, frozen=True):
    """word2vec (Mikolov et al. 2013)."""

    kind: Literal["word2vec"] = "word2vec"


class FastTextConfig(TrainedVectorsConfig, frozen=True):
    """fastText: a word's vector also contains the vectors of its character n-grams (Bojanowski et al. 2017)."""

    kind: Literal["fasttext"]
    min_ngram: int = Field(default=1, ge=1)
    """The shortest n-gram, in characters; 1 suits Chinese, 3 English."""
    max_ngram: int = Field(default=3, ge=1)
    """The longest n-gram, in characters."""


class FileVectorsConfig(_Vectors, frozen=True):
    """Vectors from a file: text (word2vec, GloVe, fastText's `.vec`), word2vec's binary format or gensim's KeyedVectors (`.kv`)."""

    kind: Literal["file"] = "file"
    path: Path = Field(json_schema_extra={"travels": True})
    """The file. Its content gives the format; gzip, bzip2 and xz are unpacked. A `.kv` is a pickle, and Distune
    reads only gensim's vectors and NumPy's arrays from it."""
    dimension: Dimension


class RandomVectorsConfig(_Vectors, frozen=True):
    """Vectors drawn from a normal distribution, for training."""

    kind: Literal["random"] = "random"


class TeacherVectorsConfig(_Vectors, frozen=True):
    """Principal components of what the encoder of the first teacher that has one makes of each word."""

    kind: Literal["teacher"]
    source: Literal["alone", "in_context"] = "alone"
    """`alone`: the encoder reads each word by itself. `in_context`: the mean over the word's occurrences in train and
    transfer texts. A word that the encoder reads in none of them gets its vector alone."""
    occurrences: int = Field(default=20, ge=1)
    """The largest number of occurrences of a word that count, with `source: in_context`."""
    encoder: Literal["fine_tuned", "pretrained"] = "fine_tuned"
    """`fine_tuned`: the teacher as it answers, which may be a checkpoint as it is. `pretrained`: the checkpoint
    before its training in this study. The first member of an ensemble is read."""
    layer: int | None = Field(default=None, ge=0)
    """The layer whose states are taken; 0 is the embeddings. By default the last one."""
    centre: bool = True
    """`true` takes the mean of all states away before the principal components are sought."""
    sif: float | None = Field(default=None, gt=0)
    """The number a of the weights a / (a + p), where p is the word's part of all tokens of train and transfer texts
    (SIF, Arora et al. 2017), such as 0.001. They shorten the vectors of frequent words. By default all weights are 1."""
    spread: float = Field(default=0.1, gt=0)
    """The standard deviation of all numbers of the vectors, which are scaled to it. Word2vec has about 0.1; an encoder's
    states have more, and a student learns less from them at the same learning rate."""


OwnVectorsConfig = Word2VecConfig | FastTextConfig | FileVectorsConfig | RandomVectorsConfig
"""The kinds of vectors that need no teacher."""
AnyVectorsConfig = OwnVectorsConfig | TeacherVectorsConfig
VectorsConfig = Annotated[AnyVectorsConfig, Field(discriminator="kind")]
