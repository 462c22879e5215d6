"""AdamW over a table of word vectors of which each step reads few rows: a row is moved when it is next read.

AdamW moves all rows in every step, also those that the batch has not read, by their decaying momentum. A row with the
moments m and v that has not been read for k steps is moved in the last of them by `c * m r^k / (sqrt(v) + e q_k)`. Here
c is the learning rate with both bias corrections, r is beta1 / sqrt(beta2), and e is AdamW's epsilon. q_k is nearly
constant over the ten steps or so that count. So the k moves are one, with the sum of all `c r^k` and the mean of the
q_k. Up to rounding the row is where AdamW would have it. A feature whose gradients are as small as e may be a few
hundredths of a learning rate off. (Carpenter 2008 and Lipton & Elkan 2015 put off regularisation in this way.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distune.models.layers.table import Table

FADED_AFTER_STEPS = 512
"""Steps after which the momentum of a row that is not read moves it no more: 0.9^512 is 1e-23."""
VOCABULARY = 5
"""How many times as large as the tokens of a batch a vocabulary must be for moving its rows to cost less than the table."""


def is_faster_by_row(table: Table, tokens: float) -> bool:
    """Whether a training that reads this number of tokens in a step is faster with this table's rows moved when they
    are read."""
    return table.weight.requires_grad and not table.weight.is_cuda and len(table.weight) >= VOCABULARY * tokens


@dataclass(frozen=True)
class Read:
    """The rows `[read]` of this step in their order, their vectors `[read, dimension]`, a leaf of the graph, and moments."""

    rows: Tensor
    vectors: Tensor
    mean: Tensor
    square: Tensor


class Delays:
    """What, for each earlier step, a row that was last moved in it has missed since."""

    def __init__(self, n_steps: int, betas: tuple[float, float]) -> None:
        self.now, self._betas = 0, betas
        self._sizes, self._epsilons = torch.zeros(2, n_steps + 1, dtype=torch.float64)
        self._kept = torch.ones(n_steps + 1, dtype=torch.float64)  # What weight decay has left of the first weights.
        ages = torch.arange(FADED_AFTER_STEPS, 0, -1, dtype=torch.float64)
        beta1, beta2 = betas
        self._fading, self._growing = (beta1 / math.sqrt(beta2)) ** ages, beta2 ** (-ages / 2)

    def advance(self, learning_rate: float, weight_decay: float) -> None:
        """Count one more step."""
        self.now += 1
        bias1, bias2 = (1 - beta**self.now for beta in self._betas)
        kept = float(self._kept[self.now - 1]) * (1 - learning_rate * weight_decay)
        self._kept[self.now] = kept
        since = max(0, self.now - FADED_AFTER_STEPS)
        # Divided by what is left at this step, so that `missed` can multiply the whole sum by what is left at its own.
        sizes = self._fading[since - self.now :] * (learning_rate * math.sqrt(bias2) / bias1 / kept)
        self._sizes[since : self.now] += sizes
        self._epsilons[since : self.now] += sizes * self._growing[since - self.now :] * math.sqrt(bias2)

    def start_at(self, step: int) -> None:
        """Continue after this number of steps, with no row that lags behind."""
        self.now = step
        self._sizes.zero_()
        self._epsilons.zero_()
        self._kept.fill_(1.0)

    def missed(self, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three factors, each `[rows]`, for rows that were last moved in the steps `last` `[rows]`: the remaining
        part of their vectors, their move along their momentum, and the factor of epsilon."""
        sizes = self._sizes[last]
        epsilons = torch.where(sizes > 0, self._epsilons[last] / sizes, 1.0)
        now = self._kept[self.now]
        return now / self._kept[last], now * sizes, epsilons


class RowAdam:
    """The rows of one table, whose moments are those of its parameter in `adam`."""

    def __init__(self, table: Table, adam: torch.optim.AdamW, n_steps: int) -> None:
        self._table, self._adam = table, adam
        adam.state[table.weight] = {
            "step": torch.tensor(0.0),
            "exp_avg": torch.zeros_like(table.weight),
            "exp_avg_sq": torch.zeros_like(table.weight),
        }
        self._delays = Delays(n_steps, self._settings["betas"])
        self._last = torch.zeros(len(table.weight), dtype=torch.int64)
        self._number = torch.zeros(len(table.weight), dtype=torch.int64)
        self._read: Read | None = None

    @property
    def _settings(self) -> dict[str, Any]:
        return self._adam.param_groups[0]  # Another one after AdamW's state was put back.

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Reads of the table within this get its rows as they should be now."""
        self._table.reader, self._read = self._look_up, None
        try:
            yield
        finally:
            self._table.reader = None

    def read(self) -> list[Read]:
        """The rows that were read, with their gradient, but without the padding; none if none was read."""
        if self._read is None or (gradient := self._read.vectors.grad) is None:
            return []
        gradient[0] = 0
        return [self._read]

    def _look_up(self, token_ids: Tensor) -> Tensor:
        """The vectors `[batch, length, dimension]` of `[batch, length]` token ids."""
        if self._read is not None:
            raise RuntimeError("a table that is trained by its rows can be read once in a step, but was read twice")
        seen = torch.zeros(len(self._last), dtype=torch.bool)
        seen[token_ids.reshape(-1)] = True
        seen[0] = True  # The padding, so that it is row 0 here too.
        rows = seen.nonzero().squeeze(1)
        self._number[rows] = torch.arange(len(rows))
        self._read = self._caught_up(rows)
        self._read.vectors.requires_grad_()
        numbers = self._number[token_ids.reshape(-1)]
        return self._read.vectors.index_select(0, numbers).view(*token_ids.shape, -1)

    @torch.no_grad()
    def _caught_up(self, rows: Tensor) -> Read:
        """Rows and their moments after all the steps that there were."""
        state, last = self._adam.state[self._table.weight], self._last[rows]
        vectors, mean, square = (
            tensor.index_select(0, rows) for tensor in (self._table.weight, state["exp_avg"], state["exp_avg_sq"])
        )
        left, size, epsilon = (part.float().unsqueeze(1) for part in self._delays.missed(last))
        if self._settings["weight_decay"]:
            vectors.mul_(left)
        vectors.addcdiv_(mean * size, square.sqrt().add_(epsilon * self._settings["eps"]), value=-1)
        for moment, beta in zip((mean, square), self._settings["betas"], strict=True):
            moment.mul_((beta ** (self._delays.now - last).double()).float().unsqueeze(1))
        return Read(rows, vectors, mean, square)

    @torch.no_grad()
    def step(self) -> None:
        """Move the rows that were read by their gradient, as AdamW does; all others are left to when they are read."""
        rate, decay, (beta1, beta2) = (self._settings[name] for name in ("lr", "weight_decay", "betas"))
        self._delays.advance(rate, decay)
        if (read := self._read) is None or (gradient := read.vectors.grad) is None:
            return
        read.mean.lerp_(gradient, 1 - beta1)
        read.square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        bias1, bias2 = 1 - beta1**self._delays.now, 1 - beta2**self._delays.now
        roots = read.square.sqrt().div_(math.sqrt(bias2)).add_(self._settings["eps"])
        vectors = read.vectors.detach().mul_(1 - rate * decay).addcdiv_(read.mean, roots, value=-rate / bias1)
        self._put(Read(read.rows, vectors, read.mean, read.square))

    def _put(self, read: Read) -> None:
        state = self._adam.state[self._table.weight]
        self._table.weight.data.index_copy_(0, read.rows, read.vectors)
        state["exp_avg"].index_copy_(0, read.rows, read.mean)
        state["exp_avg_sq"].index_copy_(0, read.rows, read.square)
        self._last[read.rows] = self._delays.now
        self._read = None

    @torch.no_grad()
    def catch_up(self) -> None:
        """Move every row to where it should be by now, and forget what was delayed."""
        if int(self._last.min()) == self._delays.now:
            return
        self._put(self._caught_up(torch.arange(len(self._last))))
        self._adam.state[self._table.weight]["step"].fill_(self._delays.now)
        self._delays.start_at(self._delays.now)

    def start_at(self, step: int) -> None:
        """Continue after this number of steps, with the table and its moments unchanged."""
        self._last.fill_(step)
        self._delays.start_at(step)
