"""The one training loop of teachers and students: AdamW, linear warm-up and decay, bf16 where the hardware has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

Batch = TypeVar("Batch")
Progress = Callable[[str], None]


class ModelError(ValueError):
    """A model, a checkpoint or a vector file that cannot be used; the message says what to do."""


def pick_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is computed by the hardware rather than emulated, which is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: torch.device) -> torch.autocast:
    """bf16 autocast on hardware that computes it, else float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bf16(device))


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


def optimise(
    model: nn.Module, batches: Iterable[Batch], loss_of: Callable[[Batch], Tensor], schedule: Schedule
) -> Iterator[float]:
    """Take one optimizer step for each batch, and yield its loss.

    Raises FloatingPointError when a loss is not finite.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.factor)
    device = trainable[0].device
    for step, batch in enumerate(batches):
        with autocast(device):
            loss = loss_of(batch)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss became {value} at step {step}; lower learning_rate")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        scheduler.step()
        yield value
