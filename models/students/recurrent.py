"""Bidirectional recurrent networks: the LSTM of Tang et al. 2019, and the GRU, which has three gates for its four."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from distune.models.layers.dropout import drop
from distune.models.students.config import BiGRUConfig, BiLSTMConfig, RecurrentConfig
from distune.models.students.pooling import inside
from distune.models.students.units import PrunedBody, largest_units

CELLS: dict[type[RecurrentConfig], type[nn.LSTM | nn.GRU]] = {BiLSTMConfig: nn.LSTM, BiGRUConfig: nn.GRU}


class Recurrent(nn.Module):
    def __init__(self, config: RecurrentConfig, n_inputs: int) -> None:
        super().__init__()
        self.cell = CELLS[type(config)](
            n_inputs,
            config.hidden_size,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.output_size = 2 * config.hidden_size

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """States `[batch, length, 2 * hidden_size]`, zero beyond a text's end."""
        if torch.onnx.is_in_onnx_export() or vectors.is_cuda:
            # ONNX's cells take lengths in any order; asked for here, sorting would cost 20 nodes of the exported graph.
            packed = pack_padded_sequence(
                vectors, lengths.cpu(), batch_first=True, enforce_sorted=torch.onnx.is_in_onnx_export()
            )
            return pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=vectors.shape[1])[0]
        # On a CPU the backward pass of torch's packed cells fills a tensor as large as the batch for each position. Each
        # direction is an unpacked cell instead, for which there is a fused one; the backward one reads texts turned round
        # within their lengths, so that what follows a text's end never reaches it.
        turned = reversed_positions(lengths, vectors.shape[1])
        states = vectors
        for layer in range(self.cell.num_layers):
            if layer:
                states = drop(states, self.cell.dropout) if self.training and self.cell.dropout else states
            forwards = self._direction(states, f"l{layer}")
            backwards = self._direction(_turned(states, turned), f"l{layer}_reverse")
            states = torch.cat([forwards, _turned(backwards, turned)], dim=2)
        return states * inside(lengths, vectors.shape[1]).unsqueeze(2)

    def _direction(self, vectors: Tensor, suffix: str) -> Tensor:
        """The states `[batch, length, hidden_size]` of one layer in one direction."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self.cell, f"{name}_{suffix}") for name in names]
        zeros = vectors.new_zeros(1, len(vectors), self.cell.hidden_size)
        if isinstance(self.cell, nn.LSTM):
            return torch.lstm(vectors, (zeros, zeros), weights, True, 1, 0.0, self.training, False, True)[0]
        return torch.gru(vectors, zeros, weights, True, 1, 0.0, self.training, False, True)[0]


def reversed_positions(lengths: Tensor, length: int) -> Tensor:
    """`[batch * length]`: which position of all texts' takes each one's place when texts are read backwards; padding
    keeps its place."""
    places, ends = torch.arange(length).unsqueeze(0), lengths.unsqueeze(1)
    turned = torch.where(places < ends, ends - 1 - places, places)
    return (turned + length * torch.arange(len(lengths)).unsqueeze(1)).view(-1)


class _Turn(torch.autograd.Function):
    """Turning round twice changes nothing, so the gradient is turned like the vectors; torch's would be added up."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return vectors.reshape(-1, vectors.shape[2]).index_select(0, places).view(vectors.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        flat = gradient.reshape(-1, gradient.shape[2])
        return flat.index_select(0, ctx.saved_tensors[0]).view(gradient.shape), None


def _turned(vectors: Tensor, places: Tensor) -> Tensor:
    turned: Tensor = _Turn.apply(vectors, places)  # type: ignore[no-untyped-call]
    return turned


def keep_recurrent_units(body: Recurrent, config: RecurrentConfig, keep: float) -> PrunedBody:
    """The part `keep` of the units of each layer and direction, those with the largest weights."""
    smaller = config.model_copy(update={"hidden_size": max(1, round(config.hidden_size * keep))})
    cell, size = body.cell, config.hidden_size
    new = Recurrent(smaller, cell.input_size)
    inputs = torch.arange(cell.input_size)
    for layer in range(config.layers):
        outputs = []
        for direction, suffix in enumerate((f"l{layer}", f"l{layer}_reverse")):
            weights = {name: getattr(cell, f"{name}_{suffix}").detach() for name in ("weight_ih", "weight_hh")}
            biases = {name: getattr(cell, f"{name}_{suffix}").detach() for name in ("bias_ih", "bias_hh")}
            # The rows of a matrix are gate by gate, and unit by unit within a gate.
            scores = sum(weight.square().sum(dim=1).view(-1, size).sum(dim=0) for weight in weights.values())
            units = largest_units(scores, smaller.hidden_size)
            kept = {
                "weight_ih": weights["weight_ih"].unflatten(0, (-1, size))[:, units][:, :, inputs],
                "weight_hh": weights["weight_hh"].view(-1, size, size)[:, units][:, :, units],
                **{name: bias.view(-1, size)[:, units] for name, bias in biases.items()},
            }
            for name, values in kept.items():
                target = getattr(new.cell, f"{name}_{suffix}")
                target.data.copy_(values.reshape(target.shape))
            outputs.append(direction * size + units)
        inputs = torch.cat(outputs)
    return PrunedBody(smaller, new, inputs)
