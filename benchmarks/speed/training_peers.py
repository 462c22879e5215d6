"""Who trains a student in `benchmarks/speed/training.py`: a trial as it is, and what people would write or use instead."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from distune.losses.objective import build_objective
from distune.models.students.student import student_logits
from distune.models.training.loop import Schedule, has_fast_bf16
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import plan_lesson, plan_steps

LEARNING_RATE, BATCH, WARMUP = 3e-3, 64, 0.05
KD_WEIGHT, TEMPERATURE = 0.9, 2.0
Rows = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """What every contender is given."""

    data: TrialData
    hidden: int
    epochs: int
    seed: int

    @property
    def config(self) -> TrialConfig:
        return TrialConfig.model_validate(
            {
                "student": {"kind": "bilstm", "hidden_size": self.hidden},
                "loss": {"kd_weight": KD_WEIGHT, "teacher_term": {"kind": "kl", "temperature": TEMPERATURE}},
                "learning_rate": LEARNING_RATE,
                "batch_size": BATCH,
                "epochs": self.epochs,
                "seed": self.seed,
                "warmup_fraction": WARMUP,
            }
        )

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.epochs * -(-len(self.data.train) // BATCH), LEARNING_RATE, WARMUP)

    def batch(self, rows: Sequence[int]) -> Rows:
        """Rows padded to their longest, with all that is known of them."""
        texts = [torch.from_numpy(self.data.train[row].astype(np.int64)) for row in rows]
        return {
            "token_ids": pad_sequence(texts, batch_first=True),
            "lengths": torch.tensor([len(text) for text in texts]),
            "teacher": torch.from_numpy(self.data.teacher_logits[0, rows]),
            "labels": torch.from_numpy(self.data.labels[rows]),
        }

    def loader(self) -> DataLoader[int]:
        rows: Any = range(len(self.data.train))
        return DataLoader(rows, batch_size=BATCH, shuffle=True, collate_fn=self.batch)


class Plain(nn.Module):
    """The student as it is written by hand."""

    def __init__(self, task: Task, packed: bool = False) -> None:
        super().__init__()
        vectors = torch.tensor(task.data.vectors)
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=0)
        self.dropout, self.packed = nn.Dropout(0.2), packed
        self.cell = nn.LSTM(vectors.shape[1], task.hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * task.hidden, task.data.n_classes)
        self.objective = build_objective(task.config.loss)

    def forward(
        self, token_ids: Tensor, lengths: Tensor, teacher: Tensor | None = None, labels: Tensor | None = None
    ) -> Rows:
        vectors = self.dropout(self.embedding(token_ids))
        if self.packed:
            packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            states = pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0]
        else:
            states = self.cell(vectors)[0] * (token_ids != 0).unsqueeze(2)
        logits = self.head(self.dropout(states.sum(dim=1) / lengths.unsqueeze(1)))
        if teacher is None or labels is None:
            return {"logits": logits}
        return {"loss": self.objective(logits, teacher, labels), "logits": logits}


@dataclass(frozen=True)
class Seconds:
    cpu: float
    wall: float


def now() -> Seconds:
    return Seconds(time.process_time(), time.perf_counter())


def since(start: Seconds) -> Seconds:
    return Seconds(time.process_time() - start.cpu, time.perf_counter() - start.wall)


Contender = Callable[[Task], tuple[Seconds, nn.Module]]
"""Trains, and gives the seconds that it took."""


def trial(task: Task) -> tuple[Seconds, nn.Module]:
    student = task.config.student.build(task.data.vectors, task.data.n_classes).train()
    lesson = plan_lesson(student, task.config, task.data)
    stepper = plan_steps(student, lesson, task.config, task.data)
    start = now()
    for batch in itertools.islice(lesson.batches, lesson.schedule.n_steps):
        stepper.step(lesson.loss_of, batch)
    stepper.catch_up()
    return since(start), student


def trial_in_float32(task: Task) -> tuple[Seconds, nn.Module]:
    with patch("distune.models.training.loop.has_fast_bf16", return_value=False):
        return trial(task)


def plain_loop(task: Task, packed: bool) -> tuple[Seconds, nn.Module]:
    model, loader = Plain(task, packed).train(), task.loader()
    adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    rates = torch.optim.lr_scheduler.LambdaLR(adam, task.schedule.factor)
    start = now()
    for _ in range(task.epochs):
        for batch in loader:
            loss = model(**batch)["loss"]
            adam.zero_grad()
            loss.backward()
            adam.step()
            rates.step()
    return since(start), model


class Answers(nn.Module):
    """A teacher whose logits are given."""

    def forward(self, token_ids: Tensor, lengths: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return teacher


def textbrewer(task: Task) -> tuple[Seconds, nn.Module]:
    brewer = importlib.import_module("textbrewer")
    logging.disable(logging.INFO)
    model, loader = Plain(task), task.loader()
    adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    rates = torch.optim.lr_scheduler.LambdaLR(adam, task.schedule.factor)
    # Its KL is not multiplied by the square of the temperature.
    settings = brewer.DistillationConfig(
        temperature=TEMPERATURE, kd_loss_weight=KD_WEIGHT * TEMPERATURE**2, hard_label_weight=1 - KD_WEIGHT
    )

    def of_student(batch: Rows, outputs: Rows) -> dict[str, Any]:
        known = batch["labels"] >= 0
        hard = nn.functional.cross_entropy(outputs["logits"][known], batch["labels"][known]) if known.any() else 0.0
        return {"logits": outputs["logits"], "losses": torch.as_tensor(hard)}

    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stderr(io.StringIO()):
        distiller = brewer.GeneralDistiller(
            brewer.TrainingConfig(device="cpu", output_dir=scratch),
            settings,
            Answers(),
            model,
            lambda batch, outputs: {"logits": outputs},
            of_student,
        )
        start = now()
        with distiller:
            distiller.train(adam, loader, num_epochs=task.epochs, scheduler=rates)
        return since(start), model


OF_TRAINER: dict[str, Any] = {
    "per_device_train_batch_size": BATCH,
    "use_cpu": True,
    "report_to": [],
    "save_strategy": "no",
    "logging_strategy": "no",
    "remove_unused_columns": False,
    "disable_tqdm": True,
}
"""What transformers' Trainer is told so that it trains and does nothing else."""


def trainer(task: Task) -> tuple[Seconds, nn.Module]:
    transformers = importlib.import_module("transformers")
    model = Plain(task)
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        settings = transformers.TrainingArguments(
            scratch,
            learning_rate=LEARNING_RATE,
            num_train_epochs=task.epochs,
            warmup_steps=int(WARMUP * task.schedule.n_steps),
            seed=task.seed,
            **OF_TRAINER,
        )
        made = transformers.Trainer(
            model, settings, train_dataset=list(range(len(task.data.train))), data_collator=task.batch
        )
        start = now()
        made.train()
        return since(start), model


def contenders() -> dict[str, Contender]:
    found: dict[str, Contender] = {
        "distune": trial,
        "plain loop": partial(plain_loop, packed=False),
        "plain, packed": partial(plain_loop, packed=True),
    }
    found |= {"distune in float32": trial_in_float32} if has_fast_bf16(torch.device("cpu")) else {}
    found |= {"textbrewer": textbrewer} if importlib.util.find_spec("textbrewer") else {}
    return found | ({"trainer": trainer} if importlib.util.find_spec("accelerate") else {})


def accuracy(model: nn.Module, data: TrialData) -> float:
    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
            found = self.model(token_ids, lengths)
            logits: Tensor = found if isinstance(found, Tensor) else found["logits"]
            return logits

    return float((student_logits(Logits(), data.dev).argmax(1) == data.dev_labels).mean())
