"""The student families as one union, and what all of them share: building, batching, answering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from models.batches import sorted_batches
from models.students.average import Average, AverageConfig
from models.students.bilstm import BiLSTM, BiLSTMConfig

AnyStudentConfig = BiLSTMConfig | AverageConfig
StudentConfig = Annotated[AnyStudentConfig, Field(discriminator="kind")]

FAMILIES: dict[type[AnyStudentConfig], type[nn.Module]] = {BiLSTMConfig: BiLSTM, AverageConfig: Average}


def build_student(config: AnyStudentConfig, vectors: NDArray[np.float32], n_classes: int) -> nn.Module:
    """A student with fresh weights over word vectors `[vocabulary, dimension]`, whose row 0 is the padding."""
    return FAMILIES[type(config)](config, torch.tensor(vectors), n_classes)


def count_parameters(student: nn.Module) -> int:
    return sum(parameter.numel() for parameter in student.parameters())


def pad(rows: Sequence[NDArray[np.integer[Any]]]) -> tuple[Tensor, Tensor]:
    """Token ids `[batch, longest]`, filled up with 0, and lengths `[batch]`."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    token_ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
    for i, row in enumerate(rows):
        token_ids[i, : len(row)] = row
    return torch.from_numpy(token_ids), torch.from_numpy(lengths)


@torch.inference_mode()
def student_logits(
    student: nn.Module, rows: Sequence[NDArray[np.integer[Any]]], batch_size: int = 256
) -> NDArray[np.float32]:
    """Logits `[rows, classes]` in the order of `rows`; the student is in eval mode for it and then as it was."""
    was_training, device = student.training, next(student.parameters()).device
    student.eval()
    batches = sorted_batches(np.array([len(row) for row in rows]), batch_size)
    answers = []
    for batch in batches:
        token_ids, lengths = pad([rows[i] for i in batch])
        answers.append(student(token_ids.to(device), lengths.to(device)).cpu().numpy())
    student.train(was_training)
    logits = np.empty((len(rows), answers[0].shape[1]), dtype=np.float32)
    logits[np.concatenate(batches)] = np.concatenate(answers)
    return logits
