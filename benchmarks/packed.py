"""Several students of one shape as one network of stacked weights, and AdamW over it that treats each as if it were alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from models.layers.dropout import Dropout
from models.layers.table import Table
from models.students.pooling import inside
from models.students.recurrent import turn_round
from models.students.student import Student
from models.training.loop import Schedule, autocast
from models.training.row_adam import RowAdam, pays_by_row

Weights = dict[str, Tensor]


def recurrence(inputs: Tensor, recurrent: Tensor) -> Tensor:
    """States `[cells, length, batch, hidden]` of gates' inputs `[cells, length, batch, 4 * hidden]` and weights
    `[cells, hidden, 4 * hidden]`."""
    cells, length, batch, gates = inputs.shape
    state, memory = inputs.new_zeros(2, cells, batch, gates // 4)
    memory = memory.to(torch.promote_types(memory.dtype, torch.float32))  # In bf16 each step would round it.
    states = []
    for position in range(length):
        taken, forgotten, new, given = torch.baddbmm(inputs[:, position], state, recurrent).chunk(4, dim=2)
        memory = forgotten.sigmoid() * memory + taken.sigmoid() * new.tanh()
        state = (given.sigmoid() * memory.tanh()).to(inputs.dtype)
        states.append(state)
    return torch.stack(states, dim=1)


class Packed(nn.Module):
    """K students of one shape; `[K, batch, classes]` of one batch."""

    def __init__(self, students: Sequence[Student]) -> None:
        super().__init__()
        self.size, first = len(students), students[0]
        table = torch.cat([student.embedding.tables[0].weight.detach() for student in students])
        self.n_tokens = len(table) // self.size
        self.table = Table(*table.shape, padding_idx=0, _weight=table)
        named = [dict(student.named_parameters()) for student in students]
        self.stacked = nn.ParameterDict({
            name.replace(".", "/"): nn.Parameter(torch.stack([of[name].detach() for of in named]))
            for name in named[0] if not name.startswith("embedding")
        })  # fmt: skip
        self.dropout = Dropout(first.dropout.p)
        self.head = [(str(i), layer) for i, layer in enumerate(first.head)]
        self.takes_maximum = hasattr(first.body, "layers")

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        firsts = torch.arange(self.size, device=token_ids.device).view(-1, 1, 1) * self.n_tokens
        in_text = inside(lengths, token_ids.shape[1]).unsqueeze(2)
        vectors = self.dropout(self.table(token_ids + firsts)) * in_text
        weights = {name.replace("/", "."): tensor for name, tensor in self.stacked.items()}
        if "body.cell.weight_ih_l0" in weights:
            vectors = self._recurrent(vectors, lengths, weights) * in_text
        elif "body.layers.0.0.weight" in weights:
            vectors = self._convolved(vectors, weights)
        features = vectors.sum(dim=2) / lengths.unsqueeze(1)
        if self.takes_maximum:
            features = vectors.masked_fill(~in_text, float("-inf")).amax(dim=2)
        for name, layer in self.head:
            if isinstance(layer, nn.Linear):
                weight, bias = weights[f"head.{name}.weight"], weights[f"head.{name}.bias"]
                features = torch.baddbmm(bias.unsqueeze(1), features, weight.transpose(1, 2))
            else:
                features = features.relu() if isinstance(layer, nn.ReLU) else self.dropout(features)
        return features

    def _recurrent(self, vectors: Tensor, lengths: Tensor, weights: Weights) -> Tensor:
        """Both directions of all students are cells of one loop."""
        size, batch, length, width = vectors.shape
        of = {name: torch.stack([weights[f"body.cell.{name}_l0"], weights[f"body.cell.{name}_l0_reverse"]])
              for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
        places = turn_round(lengths.cpu(), length).to(vectors.device)

        def turned(states: Tensor) -> Tensor:
            return states.reshape(size, batch * length, -1).index_select(1, places).view(states.shape)

        read = torch.stack([vectors, turned(vectors)]).transpose(2, 3).reshape(2 * size, length * batch, width)
        gates = torch.baddbmm(
            (of["bias_ih"] + of["bias_hh"]).view(2 * size, 1, -1), read, of["weight_ih"].flatten(0, 1).transpose(1, 2)
        )
        states = recurrence(
            gates.view(2 * size, length, batch, -1), of["weight_hh"].flatten(0, 1).transpose(1, 2).contiguous()
        )
        forwards, backwards = states.view(2, size, length, batch, -1).transpose(2, 3)
        return torch.cat([forwards, turned(backwards)], dim=3)

    def _convolved(self, vectors: Tensor, weights: Weights) -> Tensor:
        size, batch, length, width = vectors.shape
        read = vectors.permute(1, 0, 3, 2).reshape(batch, size * width, length)
        found = []
        for number in range(sum(name.startswith("body.layers.0.") for name in weights) // 2):
            weight, bias = (weights[f"body.layers.0.{number}.{part}"] for part in ("weight", "bias"))
            windows = nn.functional.pad(read, ((weight.shape[3] - 1) // 2, weight.shape[3] // 2))
            states = nn.functional.conv1d(windows, weight.flatten(0, 1), bias.flatten(), groups=size)
            found.append(states.view(batch, size, -1, length))
        return torch.cat(found, dim=2).relu().permute(1, 0, 3, 2)


class PackedStepper:
    """AdamW over packed students, the gradient of each clipped to a norm of 1 as it is alone."""

    def __init__(self, packed: Packed, schedule: Schedule, tokens: float, in_bf16: bool) -> None:
        self._packed, self._schedule, self._in_bf16, self._n_steps = packed, schedule, in_bf16, 0
        self._stacked = list(packed.stacked.values())
        self._adam = torch.optim.AdamW(packed.parameters(), weight_decay=schedule.weight_decay, fused=True)
        by_row = pays_by_row(packed.table, packed.size * tokens)
        self._rows = RowAdam(packed.table, self._adam, schedule.n_steps) if by_row else None

    def step(self, loss_of: Callable[[Tensor], Tensor], batch: tuple[Tensor, Tensor]) -> None:
        """One step by the sum of all students' losses."""
        self._adam.zero_grad()
        reading = nullcontext() if self._rows is None else self._rows.reading()
        with autocast(batch[0].device, self._in_bf16), reading:
            loss = loss_of(self._packed(*batch))
        loss.backward()  # type: ignore[no-untyped-call]
        self._clip()
        self._adam.param_groups[0]["lr"] = self._schedule.learning_rate * self._schedule.factor(self._n_steps)
        self._adam.step()
        if self._rows is not None:
            self._rows.step()
        self._n_steps += 1

    def _clip(self) -> None:
        # Copies: the two biases of a gate are added, and share the memory of one gradient.
        gradients = [weight.grad.clone() for weight in self._stacked if weight.grad is not None]
        squares = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)
        rows = self._rows.read() if self._rows is not None else []
        table = self._packed.table.weight.grad
        for read in rows:
            of, vectors = read.rows // self._packed.n_tokens, read.vectors.grad
            squares = squares.index_add(0, of, vectors.square().sum(dim=1))
        if table is not None:
            squares = squares + table.view(self._packed.size, -1).square().sum(dim=1)
        factors = (1 / (squares.sqrt() + 1e-6)).clamp_max(1.0)
        for weight, gradient in zip(self._stacked, gradients, strict=True):
            weight.grad = gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))
        for read in rows:
            read.vectors.grad.mul_(factors[read.rows // self._packed.n_tokens].unsqueeze(1))
        if table is not None:
            table.view(self._packed.size, -1).mul_(factors.unsqueeze(1))

    def catch_up(self) -> None:
        if self._rows is not None:
            self._rows.catch_up()
