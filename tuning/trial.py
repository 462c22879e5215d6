"""One trial: a student distilled from cached logits. A function of values, without ray, mlflow or files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from torch import Tensor, nn

from corpora.corpus import UNLABELLED
from corpora.tokens import TokenIds, TokensConfig, WordsConfig
from losses.objective import LossConfig, build_objective
from models.batches import endless_batches
from models.fitting import Schedule, optimise, pick_device
from models.student import StudentConfig, build_student, pad, student_logits
from models.word_vectors import VectorsConfig, Word2VecConfig


class TrialConfig(BaseModel, frozen=True, extra="forbid"):
    """Everything that one trial depends on beside its data."""

    tokens: TokensConfig = WordsConfig()
    vectors: VectorsConfig = Word2VecConfig()
    student: StudentConfig
    loss: LossConfig = LossConfig()
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=64, ge=1)
    epochs: int = Field(default=6, ge=1)
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    seed: int = Field(default=7, ge=0)

    def architecture(self) -> str:
        """What the speed depends on: two trials alike in this are equally fast, whatever they have learnt."""
        parts = (self.tokens, self.vectors, self.student)
        return "\n".join(part.model_dump_json(exclude={"dropout"}) for part in parts)

    def plain(self) -> TrialConfig:
        """The same student learning from labels alone."""
        return self.model_copy(update={"loss": self.loss.model_copy(update={"kd_weight": 0.0})})


@dataclass(frozen=True)
class TrialData:
    """What a trial reads, the same for all trials of one `tokens` and `vectors`; it holds nothing of the test split.

    Train and transfer rows are one: `labels` is `[rows]`, -1 for transfer, and `teacher_logits` `[rows, classes]`.
    """

    train: TokenIds
    labels: NDArray[np.int64]
    teacher_logits: NDArray[np.float32]
    dev: TokenIds
    dev_labels: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class EpochReport:
    """What a trial says after each epoch; `accuracy` is of this epoch, on dev."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class TrialResult:
    """A trained student, in eval mode with the weights of its best epoch, and that epoch's dev accuracy."""

    student: nn.Module
    accuracy: float
    best_epoch: int


def rows_of(token_ids: TokenIds) -> list[NDArray[np.int32]]:
    """The rows as views into the one array."""
    return np.split(token_ids.flat, token_ids.offsets[1:-1])


def run_trial(config: TrialConfig, data: TrialData, report: Callable[[EpochReport], None]) -> TrialResult:
    """Train one student and keep its best epoch on dev.

    Every trial takes the same number of optimizer steps an epoch, as many as one pass over all rows; a plain student
    spends them on the labelled rows, which it sees more often. Raises FloatingPointError when the loss is not finite.
    """
    torch.manual_seed(config.seed)
    device = pick_device()
    student = build_student(config.student, data.vectors, data.teacher_logits.shape[1]).to(device)
    train, dev = rows_of(data.train), rows_of(data.dev)
    steps_per_epoch = math.ceil(len(train) / config.batch_size)
    schedule = Schedule(
        config.epochs * steps_per_epoch, config.learning_rate, config.warmup_fraction, config.weight_decay
    )
    rng = np.random.default_rng(config.seed)
    useful = np.flatnonzero(data.labels != UNLABELLED) if config.loss.is_plain else np.arange(len(train))
    batches = (useful[batch] for batch in endless_batches(data.train.lengths[useful], config.batch_size, rng))
    steps = optimise(student, batches, _loss_function(student, config, data, train), schedule)
    best_accuracy, best_epoch, best_weights = -1.0, 0, {}
    for epoch in range(1, config.epochs + 1):
        student.train()
        losses = [next(steps) for _ in range(steps_per_epoch)]
        accuracy = float((student_logits(student, dev).argmax(1) == data.dev_labels).mean())
        if accuracy > best_accuracy:
            best_accuracy, best_epoch = accuracy, epoch
            best_weights = {name: tensor.detach().clone() for name, tensor in student.state_dict().items()}
        report(EpochReport(epoch, float(np.mean(losses)), accuracy))
    student.load_state_dict(best_weights)
    return TrialResult(student.cpu().eval(), best_accuracy, best_epoch)


def _loss_function(
    student: nn.Module, config: TrialConfig, data: TrialData, train: list[NDArray[np.int32]]
) -> Callable[[NDArray[np.int64]], Tensor]:
    """The loss of a batch of row numbers."""
    objective = build_objective(config.loss)
    device = next(student.parameters()).device

    def loss_of(rows: NDArray[np.int64]) -> Tensor:
        token_ids, lengths = pad([train[row] for row in rows])
        logits = student(token_ids.to(device), lengths.to(device)).float()
        teacher = torch.from_numpy(data.teacher_logits[rows]).to(device)
        loss: Tensor = objective(logits, teacher, torch.from_numpy(data.labels[rows]).to(device))
        return loss

    return loss_of
