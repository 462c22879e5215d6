"""The one training loop of teachers and students: AdamW, linear warm-up and decay, bf16 if the hardware has it."""

from __future__ import annotations

import ctypes
import inspect
import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from distune.models.layers.table import Table
from distune.models.training.row_adam import RowAdam

Batch = TypeVar("Batch")
_log = logging.getLogger(__name__)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # Of malloc.h.


def pick_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is computed by the hardware rather than emulated, which is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device, in_bf16: bool = True) -> torch.autocast:
    """bf16 autocast on request, on hardware that computes it, else float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=in_bf16 and has_fast_bf16(device))


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for what it allocates next.

    Each step allocates tensors of the same few megabytes. glibc gives them back to the system and asks for them again,
    and the system fills every page with zeros. This takes a sixth of the time of a small biLSTM.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)  # The most that it takes.
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: the learning rate climbs for `warmup_fraction` of `n_steps`, then falls to zero."""

    n_steps: int
    learning_rate: float
    warmup_fraction: float
    weight_decay: float = 0.01

    def factor(self, step: int) -> float:
        warmup = max(1, int(self.n_steps * self.warmup_fraction))
        if step < warmup:
            return (step + 1) / warmup
        return max(0.0, (self.n_steps - step) / max(1, self.n_steps - warmup))


class EagerAdamW(torch.optim.AdamW):
    """AdamW for what is not compiled.

    The wrappers of torch's own methods import torch._dynamo to keep the compiler out of them: that takes a second and 90 MB in each
    worker, which compiles nothing. Here they are called without their wrappers.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    _step = inspect.unwrap(torch.optim.AdamW.step)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        self._step(closure)


class Stepper:
    """AdamW under a schedule, over the trained parts of a model; its state can be taken and put back between two steps.

    `tables` are part of the model. Each step moves only the rows of them that it has read; between two steps they are
    complete only after `catch_up`.
    """

    def __init__(
        self, model: nn.Module, schedule: Schedule, tables: Sequence[Table] = (), in_bf16: bool = True
    ) -> None:
        self._trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._schedule, self._in_bf16 = schedule, in_bf16
        self._adam = EagerAdamW(
            self._trainable, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
        )
        self._tables = [RowAdam(table, self._adam, schedule.n_steps) for table in tables]
        by_row = {id(table.weight) for table in tables}
        self._whole = [parameter for parameter in self._trainable if id(parameter) not in by_row]
        self.n_steps = 0

    def step(self, loss_of: Callable[[Batch], Tensor], batch: Batch) -> float:
        """One optimizer step; returns the loss. Raises FloatingPointError when it is not finite."""
        with autocast(self._trainable[0].device, self._in_bf16), ExitStack() as reading:
            for table in self._tables:
                reading.enter_context(table.reading())
            loss = loss_of(batch)
        value = loss.item()
        if not math.isfinite(value):
            cause = "lower learning_rate"
            if not self.n_steps:
                cause = "no learning rate is to blame for the first one: look at the logits, vectors and weights that it read"
            raise FloatingPointError(f"the loss became {value} at step {self.n_steps}; {cause}")
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        rows = [read.vectors for table in self._tables for read in table.read()]
        torch.nn.utils.clip_grad_norm_([*self._whole, *rows], 1.0)
        self._adam.param_groups[0]["lr"] = self._schedule.learning_rate * self._schedule.factor(self.n_steps)
        self._adam.step()
        for table in self._tables:
            table.step()
        self.n_steps += 1
        return value

    def catch_up(self) -> None:
        """Make the model what it is after the steps that there were."""
        for table in self._tables:
            table.catch_up()

    def state(self) -> dict[str, Tensor]:
        """Everything except the model that a later step depends on."""
        self.catch_up()
        moments = {
            f"{number}.{name}": tensor
            for number, values in self._adam.state_dict()["state"].items()
            for name, tensor in values.items()
        }
        return {"n_steps": torch.tensor(self.n_steps), **moments}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on as where `state` was taken."""
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            number, _, name = key.partition(".")
            if name:
                moments.setdefault(int(number), {})[name] = tensor
        self._adam.load_state_dict({"state": moments, "param_groups": self._adam.state_dict()["param_groups"]})
        self.n_steps = int(state["n_steps"])
        for table in self._tables:
            table.start_at(self.n_steps)


def optimise(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_of: Callable[[Batch], Tensor],
    schedule: Schedule,
    in_bf16: bool = True,
) -> Iterator[float]:
    """Take one optimizer step for each batch, and yield its loss.

    Raises FloatingPointError when a loss is not finite.
    """
    stepper = Stepper(model, schedule, in_bf16=in_bf16)
    for batch in batches:
        yield stepper.step(loss_of, batch)


def with_progress(losses: Iterator[float], n_steps: int, name: str, interval_s: float = 30.0) -> Iterator[float]:
    """Pass the losses of `n_steps` steps on; every `interval_s` log their mean since the last line, and the time left."""
    started = said = time.monotonic()
    recent: list[float] = []
    for step, loss in enumerate(losses, start=1):
        recent.append(loss)
        yield loss
        now = time.monotonic()
        if now - said >= interval_s and step < n_steps:
            minutes_left = (now - started) / step * (n_steps - step) / 60
            mean = sum(recent) / len(recent)
            _log.info(f"{name} step {step:,}/{n_steps:,}: loss {mean:.3f}, {minutes_left:.1f} min left")
            said, recent = now, []
