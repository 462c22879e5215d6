"""The training of a trial between two epochs, as tensors: a process that reads them back continues as if nothing had
happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from distune.models.training.averaging import WeightAverage
from distune.models.training.loop import Batch, Stepper

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Savepoint:
    """The place that keeps a training after each epoch, where a new attempt finds it."""

    load: Callable[[], Tensors | None] = lambda: None
    save: Callable[[Callable[[], Tensors]], None] = lambda state: None
    """Takes a function, as it may well not save this time."""


NOWHERE = Savepoint()


@dataclass(kw_only=True)
class TrainingState:
    """All that changes while a student is trained."""

    student: nn.Module
    objective: nn.Module
    stepper: Stepper
    generator: torch.Generator
    ema_decay: float = 0.0
    epoch: int = 0
    best_score: float = -math.inf
    best_epoch: int = 0
    best_weights: Tensors = field(default_factory=dict)
    average: WeightAverage | None = field(init=False)

    def __post_init__(self) -> None:
        self.average = WeightAverage(self._weights(), self.ema_decay) if self.ema_decay else None

    def step(self, loss_of: Callable[[Batch], Tensor], batch: Batch) -> float:
        """One optimizer step; returns the loss."""
        loss = self.stepper.step(loss_of, batch)
        if self.average is not None:
            self.average.update(self.stepper.n_steps)
        return loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The student with its averaged weights, if they are averaged; with those of its last step again after it."""
        if self.average is None:
            yield
            return
        last = {name: tensor.detach().clone() for name, tensor in self._weights().items()}
        self._put(self.average.weights)
        yield
        self._put(last)

    def _put(self, weights: Tensors) -> None:
        self.student.load_state_dict({**self.student.state_dict(), **weights})

    def end_epoch(self, score: float) -> None:
        """Count an epoch, and keep the present weights of the student if none was better on dev."""
        self.epoch += 1
        if score > self.best_score:
            self.best_score, self.best_epoch = score, self.epoch
            self.best_weights = {name: tensor.detach().clone() for name, tensor in self._weights().items()}

    def take_best(self) -> None:
        """Give the student the weights of its best epoch."""
        self._put(self.best_weights)

    def _weights(self) -> Tensors:
        """The parts of the student that training changes: frozen vectors are in the trial's data already."""
        frozen = {name for name, parameter in self.student.named_parameters() if not parameter.requires_grad}
        return {name: tensor for name, tensor in self.student.state_dict().items() if name not in frozen}

    def state(self) -> Tensors:
        """Everything, on the CPU."""
        parts = {
            "student": self._weights(),
            "objective": self.objective.state_dict(),
            "best": self.best_weights,
            "average": self.average.weights if self.average is not None else {},
            "stepper": self.stepper.state(),
            "random": {"torch": torch.get_rng_state(), "teachers": self.generator.get_state()},
            "figures": {
                "epoch": torch.tensor(self.epoch),
                "best_score": torch.tensor(self.best_score, dtype=torch.float64),
                "best_epoch": torch.tensor(self.best_epoch),
            },
        }
        if torch.cuda.is_available():
            parts["random"]["cuda"] = torch.cuda.get_rng_state()
        return {f"{part}/{name}": t.detach().cpu().contiguous() for part, ts in parts.items() for name, t in ts.items()}

    def restore(self, state: Tensors) -> None:
        """Go on as where `state` was taken."""
        parts: dict[str, Tensors] = {"objective": {}}
        for key, tensor in state.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = tensor
        figures, random = parts["figures"], parts["random"]
        self._put(parts["student"])
        if self.average is not None:
            self.average.restore(parts["average"])
        self.objective.load_state_dict(parts["objective"])
        self.stepper.restore(parts["stepper"])
        device = next(self.student.parameters()).device
        self.best_weights = {name: tensor.to(device) for name, tensor in parts["best"].items()}
        self.epoch, self.best_epoch = int(figures["epoch"]), int(figures["best_epoch"])
        self.best_score = float(figures["best_score"] if "best_score" in figures else figures["best_accuracy"])
        torch.set_rng_state(random["torch"])
        self.generator.set_state(random["teachers"])
        if torch.cuda.is_available() and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"])
