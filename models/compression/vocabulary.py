"""Vocabulary trimming: the rarest words lose their vectors and count as unknown. Most of a small student is its table."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from distune.models.compression.config import TrimVocabularyConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.students.embedding import WordEmbedding


def trim_vocabulary(trained: Trained, config: TrimVocabularyConfig, material: CalibrationData) -> Trained:
    """The student with the first words of its vocabulary alone; it maps the others to the unknown word itself.

    Raises ModelError for word vectors in 8 bits.
    """
    if trained.structure.int8_embedding:
        raise ModelError("trim_vocabulary cannot follow embedding_int8: trim first")
    student = copy.deepcopy(trained.student)
    n_tokens = max(2, round(student.embedding.n_tokens * config.keep))
    keep_tokens(student.embedding, n_tokens)
    material.tune(student, config.epochs)
    return replace(trained, student=student, structure=replace(trained.structure, n_tokens=n_tokens))


def keep_tokens(embedding: WordEmbedding, n_tokens: int) -> None:
    """Drop all rows of the tables but the first."""
    for table in embedding.tables:
        table.weight = nn.Parameter(table.weight.detach()[:n_tokens].clone(), requires_grad=table.weight.requires_grad)
        table.num_embeddings = n_tokens
    embedding.n_tokens, embedding.is_trimmed = n_tokens, True
