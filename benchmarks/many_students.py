"""Whether several students of one shape are trained faster as one network of stacked weights than one after the other.

    python -m benchmarks.many_students [--students 1 2 4 8 16] [--rounds 3]

K students differ in their first weights and dropout and share the order of the batches, as trials of different losses or
learning rates could. They take turns, each with so many steps of cached logits on the built-in reviews (vectors of 100):

    solo     K trainings one after the other, each as a trial does it
    shared   the same, step by step over one batch, which is built once
    packed   one network: weights [K, ...], batched matrix products, a loop over the positions for the recurrence, convolutions in
             K groups, the gradient of each student clipped alone, one AdamW

Each of K learns what it learns alone (tests/test_many_students.py). Figures are texts/s times K, medians over the rounds, in
seconds of the CPU, or of the clock on a GPU. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.packed import Packed, PackedStepper
from benchmarks.training import part_of
from models.students.student import Student, build_student, gains_by_bf16, pad
from models.training.batches import endless_batches
from models.training.loop import Schedule, Stepper, keep_freed_memory, pick_device
from models.training.row_adam import pays_by_row
from tuning.search.preparation import prepare
from tuning.speed.latency import cpu_name
from tuning.study.file import load_study
from tuning.trial.config import TrialConfig
from tuning.trial.data import TrialData
from tuning.trial.run import plan_lesson

FAMILIES: dict[str, dict[str, Any]] = {
    "bilstm": {"kind": "bilstm", "hidden_size": 64}, "textcnn": {"kind": "textcnn", "filters": 64},
    "average": {"kind": "average", "hidden_layer": 64},
}  # fmt: skip
CASES = (("bilstm", 32, 8), ("bilstm", 64, 8), ("textcnn", 64, 8), ("average", 64, 100))
"""Each family with a batch size and the steps of a turn. Those of averaged vectors are many, as a turn ends like an epoch: all
rows of the table that AdamW has put off are moved."""
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    data: TrialData
    config: TrialConfig
    n_steps: int

    def students(self, size: int) -> list[Student]:
        made = []
        for seed in range(size):
            torch.manual_seed(seed)
            student = build_student(self.config.student, self.data.vectors, self.data.n_classes)
            made.append(student.to(pick_device()).train())
        return made

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.n_steps, self.config.learning_rate, self.config.warmup_fraction, self.config.weight_decay)

    @property
    def tokens(self) -> float:
        return self.config.batch_size * float(self.data.train.lengths.mean())

    @property
    def in_bf16(self) -> bool:
        return gains_by_bf16(self.config.student)

    def batches(self) -> Iterator[Rows]:
        return endless_batches(self.data.train.lengths, self.config.batch_size, np.random.default_rng(1))

    def stepper(self, student: Student) -> tuple[Stepper, Callable[[tuple[float, Rows]], Tensor]]:
        tables = [table for table in student.embedding.tables if pays_by_row(table, self.tokens)]
        lesson = plan_lesson(student, self.config, self.data)
        return Stepper(student, self.schedule, tables, self.in_bf16), lesson.loss_of


Training = Callable[[int], None]
"""Takes so many steps of all students."""


def solo(task: Task, students: Sequence[Student]) -> Training:
    made = [(*task.stepper(student), task.batches()) for student in students]

    def train(steps: int) -> None:
        for stepper, loss_of, batches in made:
            for _ in range(steps):
                stepper.step(loss_of, (0.0, next(batches)))
            stepper.catch_up()

    return train


def shared(task: Task, students: Sequence[Student]) -> Training:
    device, batches = pick_device(), task.batches()
    steppers = [task.stepper(student)[0] for student in students]
    objective = plan_lesson(students[0], task.config, task.data).objective

    def train(steps: int) -> None:
        for _ in range(steps):
            token_ids, lengths, teacher, labels = (part.to(device) for part in gathered(task.data, next(batches)))
            for stepper, student in zip(steppers, students, strict=True):
                stepper.step(lambda of: objective(of(token_ids, lengths).float(), teacher, labels), student)  # noqa: B023
        for stepper in steppers:
            stepper.catch_up()

    return train


def packed(task: Task, students: Sequence[Student]) -> Training:
    return train_packed(task, Packed(students).to(pick_device()).train(), students[0])


def train_packed(task: Task, network: Packed, student: Student) -> Training:
    device, batches = pick_device(), task.batches()
    stepper = PackedStepper(network, task.schedule, task.tokens, task.in_bf16)
    objective = plan_lesson(student, task.config, task.data).objective

    def train(steps: int) -> None:
        for _ in range(steps):
            token_ids, lengths, teacher, labels = (part.to(device) for part in gathered(task.data, next(batches)))

            def loss_of(logits: Tensor) -> Tensor:
                return torch.stack([objective(one.float(), teacher, labels) for one in logits]).sum()  # noqa: B023

            stepper.step(loss_of, (token_ids, lengths))
        stepper.catch_up()

    return train


def gathered(data: TrialData, rows: Rows) -> tuple[Tensor, ...]:
    token_ids, lengths = pad(data.train.rows(rows))
    return token_ids, lengths, torch.from_numpy(data.teacher_logits[0, rows]), torch.from_numpy(data.labels[rows])


def seconds(train: Training, steps: int) -> float:
    on_gpu = torch.cuda.is_available()
    clock = time.perf_counter if on_gpu else time.process_time
    start = clock()
    train(steps)
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - start


def measure(task: Task, size: int, steps: int, rounds: int) -> dict[str, Any]:
    contenders = {"solo": solo, "shared": shared, "packed": packed}
    made = {name: contender(task, task.students(size)) for name, contender in contenders.items()}
    taken: dict[str, list[float]] = {name: [] for name in made}
    for turn in range(rounds + 1):
        for name in made if turn % 2 else reversed(made):
            found = seconds(made[name], steps)
            if turn:  # The first warms up.
                taken[name].append(found)
    texts = size * steps * task.config.batch_size
    return {name: {"texts_per_s": round(texts / float(np.median(found))),
                   "times_solo": round(float(np.median(np.divide(taken["solo"], found))), 2)}
            for name, found in taken.items()}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    data = part_of(next(iter(prepare(load_study(Path("examples/reviews.yaml")), print).inputs.values())).data, 13_355)
    found: dict[str, Any] = {}
    for family, batch, steps in CASES:
        config = TrialConfig.model_validate({
            "student": FAMILIES[family], "loss": {"kd_weight": 0.9, "teacher_term": {"kind": "kl", "temperature": 2.0}},
            "learning_rate": 3e-3, "batch_size": batch,
        })  # fmt: skip
        for size in options.students:
            task = Task(data, config, (options.rounds + 1) * steps)
            figures = measure(task, size, steps, options.rounds)
            found.setdefault(f"{family} {batch}", {})[size] = figures
            print(f"{family:8} batch {batch} K {size:2} {figures}", flush=True)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()
    print(json.dumps({
        "device": where, "load": round(os.getloadavg()[0], 1), "rounds": options.rounds, "figures": found,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
