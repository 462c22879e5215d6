"""One trial: a student distilled from cached logits. A function of values, without ray, mlflow or files."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distune.corpora.labelling import is_labelled, n_texts_of
from distune.losses.agreement import agreement, agreement_of_labels, shares_of
from distune.losses.objective import Hidden, Objective, build_objective
from distune.losses.teachers import combined_logits
from distune.models.compression.apply import compress, graph_logits
from distune.models.compression.config import NoCompressionConfig
from distune.models.compression.trained import AfterStep, CalibrationData, Trained
from distune.models.students.student import Student, is_faster_in_bf16, pad, student_logits
from distune.models.training.batches import endless_batches
from distune.models.training.loop import Schedule, Stepper, keep_freed_memory, optimise, pick_device
from distune.models.training.row_adam import is_faster_by_row
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.training import NOWHERE, Savepoint, TrainingState


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """The report of a trial after each epoch; `score` is of this epoch, by the metric on dev, `best_score` of the best so far.

    The last one of a trial with compression also has the score and the graph of the compressed student.
    """

    epoch: int
    loss: float
    score: float
    best_score: float
    compressed_score: float | None = None
    graph: bytes | None = None


@dataclass(frozen=True)
class TrialResult:
    """A trained student with the weights of its best epoch, compressed where the trial says so, and its score on dev."""

    trained: Trained
    score: float
    """The score on dev by the study's metric, as the student is served."""
    best_epoch: int
    """The number of the epoch that was kept, from 1."""
    quantized: bytes | None = None
    """The ONNX graph that is served, if its answers differ from the student's in torch."""

    @property
    def student(self) -> Student:
        """The student in torch, on the CPU."""
        return self.trained.student

    def logits(self, rows: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.float32]:
        """Logits `[rows, classes]` of rows of token ids, as they are served."""
        return student_logits(self.student, rows) if self.quantized is None else graph_logits(self.quantized, rows)


def run_trial(
    config: TrialConfig,
    data: TrialData,
    report: Callable[[EpochReport], None],
    savepoint: Savepoint = NOWHERE,
) -> TrialResult:
    """Train one student and keep its best epoch on dev; goes on with what `savepoint` has of an earlier attempt.

    Every trial takes the same number of optimizer steps an epoch, as many as one pass over all rows; a plain student
    spends them on the labelled rows, which it sees more often. Raises FloatingPointError when the loss is not finite.
    """
    keep_freed_memory()
    torch.manual_seed(config.seed)
    student = config.student.build(data.vectors, data.n_classes).to(pick_device())
    dev = data.dev
    lesson = plan_lesson(student, config, data)
    stepper = plan_steps(student, lesson, config, data)
    training = TrainingState(
        student=student,
        objective=lesson.objective,
        stepper=stepper,
        generator=lesson.generator,
        ema_decay=config.ema_decay,
    )
    if (saved := savepoint.load()) is not None:
        training.restore(saved)
    batches = itertools.islice(lesson.batches, stepper.n_steps, None)
    while training.epoch < config.epochs:
        student.train()
        losses = [training.step(lesson.loss_of, batch) for batch in itertools.islice(batches, lesson.steps_per_epoch)]
        stepper.catch_up()
        with training.averaged():
            score = data.metric.score(student_logits(student, dev), data.dev_labels)
            training.end_epoch(score)
        last = EpochReport(
            epoch=training.epoch, loss=float(np.mean(losses)), score=score, best_score=training.best_score
        )
        if training.epoch < config.epochs:
            report(last)
            savepoint.save(training.state)
    training.take_best()
    result = TrialResult(Trained(student.cpu().eval(), config.student), training.best_score, training.best_epoch)
    if not isinstance(config.compression, NoCompressionConfig):
        result, graph = _compressed(result, config, data)
        last = replace(last, compressed_score=result.score, graph=graph)
    report(last)
    return result


def _compressed(result: TrialResult, config: TrialConfig, data: TrialData) -> tuple[TrialResult, bytes]:
    """The result with its student compressed, and the graph that serves it."""
    material = CalibrationData(data.train, fine_tuner(config, data))
    compressed = compress(result.trained, [config.compression], material)
    quantized = None if compressed.is_exact else compressed.graph
    result = replace(result, trained=compressed.trained, quantized=quantized)
    score = data.metric.score(result.logits(data.dev), data.dev_labels)
    return replace(result, score=score), compressed.graph


def fine_tuner(config: TrialConfig, data: TrialData) -> Callable[[nn.Module, int, AfterStep], None]:
    """Trains a student on against the loss of its trial, its annealings at their end."""

    def fine_tune(student: nn.Module, epochs: int, after_step: AfterStep) -> None:
        student.to(pick_device()).train()
        lesson = plan_lesson(student, config.model_copy(update={"epochs": epochs}), data, is_over=True)
        model, in_bf16 = nn.ModuleList([student, lesson.objective]), is_faster_in_bf16(config.student)
        steps = optimise(model, lesson.batches, lesson.loss_of, lesson.schedule, in_bf16)
        for _ in range(epochs * lesson.steps_per_epoch):
            next(steps)
            after_step()
        student.cpu()

    return fine_tune


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The input of a training: an endless stream of batches of row numbers, and the loss of each."""

    objective: Objective
    batches: Iterator[tuple[float, NDArray[np.int64]]]
    """Each with the part of the training that is done."""
    loss_of: Callable[[tuple[float, NDArray[np.int64]]], Tensor]
    steps_per_epoch: int
    schedule: Schedule
    generator: torch.Generator
    """Draws the teacher of each row, if teachers are sampled."""


def plan_lesson(student: Any, config: TrialConfig, data: TrialData, is_over: bool = False) -> Lesson:
    """The rows, their order and the loss of a trial; where it `is_over`, what is annealed stays at its end."""
    rng = np.random.default_rng(config.seed)
    rows = np.flatnonzero(data.iterations <= config.augment.n_iter)
    steps_per_epoch = math.ceil(len(rows) / config.batch_size)
    n_steps = config.epochs * steps_per_epoch
    useful = np.flatnonzero(is_labelled(data.labels)) if config.loss.is_plain else rows
    batches = (
        (1.0 if is_over else min(1.0, step / n_steps), useful[batch])
        for step, batch in enumerate(endless_batches(data.train.lengths[useful], config.batch_size, rng))
    )
    device = next(student.parameters()).device
    counts = n_texts_of(data.labels, data.n_classes)
    if data.is_multi_label:
        counts = np.stack([(data.labels == 0).sum(axis=0), counts])
    objective = build_objective(
        config.loss,
        student.n_features,
        data.teacher_hidden.shape[1],
        torch.from_numpy(counts),
        data.metric.labels,
        data.is_multi_label,
    )
    objective = objective.to(device)
    generator = torch.Generator().manual_seed(config.seed)
    return Lesson(
        objective=objective,
        batches=batches,
        loss_of=_loss_function(student, objective, data, generator),
        steps_per_epoch=steps_per_epoch,
        schedule=Schedule(n_steps, config.learning_rate, config.warmup_fraction, config.weight_decay),
        generator=generator,
    )


def plan_steps(student: Student, lesson: Lesson, config: TrialConfig, data: TrialData) -> Stepper:
    """The optimiser of a trial, whose word vectors may lag behind until its `catch_up`."""
    tokens = config.batch_size * float(data.train.lengths.mean())
    # An average of the weights reads all of them after every step.
    by_row = (
        [] if config.ema_decay else [table for table in student.embedding.tables if is_faster_by_row(table, tokens)]
    )
    model = nn.ModuleList([student, lesson.objective])
    return Stepper(model, lesson.schedule, by_row, is_faster_in_bf16(config.student))


def _loss_function(
    student: Student, objective: Objective, data: TrialData, generator: torch.Generator
) -> Callable[[tuple[float, NDArray[np.int64]]], Tensor]:
    """The loss of a batch of row numbers."""
    train, device = data.train, next(student.parameters()).device
    weights = torch.tensor(data.teacher_weights)
    weighs, shares = objective.config.weigh_by_agreement, shares_of(objective.config.teachers, weights).to(device)
    agree = agreement_of_labels if data.is_multi_label else agreement

    def loss_of(batch: tuple[float, NDArray[np.int64]]) -> Tensor:
        progress, rows = batch
        token_ids, lengths = pad(train.rows(rows))
        pooled = student.pooled(token_ids.to(device), lengths.to(device))
        logits = student.head(pooled).float()
        of_teachers = torch.from_numpy(data.teacher_logits[:, rows]).to(device)
        teacher = combined_logits(objective.config.teachers, of_teachers, weights, generator)
        agreed = agree(of_teachers, shares) if weighs and len(of_teachers) > 1 else None
        labels = torch.from_numpy(data.labels[rows]).to(device)
        hidden = None
        if objective.hidden_term is not None:
            hidden = Hidden(pooled.float(), torch.from_numpy(data.teacher_hidden[rows]).float().to(device))
        loss: Tensor = objective(logits, teacher, labels, progress, hidden, agreed)
        return loss

    return loss_of
