"""Word vectors in 8 bits, each with a scale of its own; a text's few vectors are widened when they are looked up."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from distune.models.compression.config import EmbeddingInt8Config
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.students.embedding import WordEmbedding

LEVELS = 127


class Int8Table(nn.Module):
    """A table of vectors, `codes` `[tokens, dimension]` times `scales` `[tokens, 1]`."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scales = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / LEVELS
        self.register_buffer("codes", torch.round(weight / scales).to(torch.int8))
        self.register_buffer("scales", scales)

    def forward(self, token_ids: Tensor) -> Tensor:
        return self.codes[token_ids].float() * self.scales[token_ids]  # type: ignore[index]


def quantize_embedding(trained: Trained, config: EmbeddingInt8Config, material: CalibrationData) -> Trained:
    """The student with its word vectors in 8 bits.

    Raises ModelError for word vectors that were factorised or quantized before.
    """
    if trained.structure.int8_embedding or any(name.startswith("embedding.") for name in trained.structure.ranks):
        raise ModelError("embedding_int8 cannot follow low_rank or embedding_int8: its word vectors are no plain table")
    student = copy.deepcopy(trained.student)
    use_int8_tables(student.embedding)
    material.tune(student, config.epochs)
    return replace(trained, student=student, structure=replace(trained.structure, int8_embedding=True))


def use_int8_tables(embedding: WordEmbedding) -> None:
    """Put 8-bit tables in the place of those of an embedding."""
    embedding.tables = nn.ModuleList(Int8Table(table.weight.detach()) for table in embedding.tables)
