"""A table that is moved row by row ends as one that AdamW moves as a whole."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from distune.models.layers.table import Table
from distune.models.training.loop import Schedule, Stepper
from distune.models.training.row_adam import is_faster_by_row

WORDS, STEPS = 40, 700


class Model(nn.Module):
    """Word vectors, and a weight of each of their features."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        vectors = torch.randn(WORDS, 4, generator=random)
        vectors[0] = 0
        self.table = Table(WORDS, 4, padding_idx=0, _weight=vectors)
        self.head = nn.Parameter(torch.randn(4, generator=random))

    def loss(self, batch: Tensor) -> Tensor:
        # The padding reaches the loss too, and is not to be moved by it.
        return (self.table(batch).mean(dim=1) @ self.head - 1).square().mean()


def batches(n: int = STEPS) -> list[Tensor]:
    """Low numbers are frequent; 39 is read in the first step alone, 38 after 600 steps again, 37 never."""
    random = torch.Generator().manual_seed(1)
    drawn = [(torch.rand(4, 3, generator=random) ** 4 * 37).long() for _ in range(n)]
    drawn[0][0] = torch.tensor([39, 38, 1])
    if n > 600:
        drawn[600][0, 0] = 38
    return drawn


def stepper(model: Model, by_row: bool, weight_decay: float = 0.0) -> Stepper:
    return Stepper(model, Schedule(STEPS, 0.01, 0.05, weight_decay), [model.table] if by_row else [])


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_rows_end_where_adamw_moves_them(weight_decay: float) -> None:
    whole, rows = Model(), Model()
    first = rows.table.weight.detach().clone()
    of_whole, of_rows = stepper(whole, False, weight_decay), stepper(rows, True, weight_decay)
    for batch in batches():
        assert of_rows.step(rows.loss, batch) == pytest.approx(of_whole.step(whole.loss, batch), abs=1e-5)
    of_rows.catch_up()
    assert torch.allclose(rows.table.weight, whole.table.weight, atol=1e-5)
    assert torch.allclose(rows.head, whole.head, atol=1e-5)
    states = of_whole.state(), of_rows.state()
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        assert torch.allclose(states[0][name], states[1][name], atol=1e-7), name
    assert (rows.table.weight - first)[39].abs().min() > 0.01
    assert torch.equal(rows.table.weight[0], torch.zeros(4))
    assert weight_decay or torch.equal(rows.table.weight[37], first[37])


def test_a_row_that_is_not_read_lags_behind_until_it_is_caught_up_and_then_stays() -> None:
    model, whole = Model(), Model()
    by_row, of_whole = stepper(model, True), stepper(whole, False)
    for batch in batches(20):
        by_row.step(model.loss, batch)
        of_whole.step(whole.loss, batch)
    assert not torch.allclose(model.table.weight[39], whole.table.weight[39], atol=1e-3)
    by_row.catch_up()
    caught_up = model.table.weight.detach().clone()
    assert torch.allclose(caught_up[39], whole.table.weight[39], atol=1e-6)
    by_row.catch_up()
    assert torch.equal(model.table.weight, caught_up)


def test_a_training_goes_on_from_its_state() -> None:
    model, other = Model(), Model()
    first = stepper(model, True)
    for batch in batches(30):
        first.step(model.loss, batch)
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    other.load_state_dict(model.state_dict())
    second = stepper(other, True)
    second.restore(state)
    for batch in itertools.islice(batches(), 30, 90):
        assert first.step(model.loss, batch) == second.step(other.loss, batch)
    first.catch_up()
    second.catch_up()
    assert torch.equal(model.table.weight, other.table.weight)


def test_a_loss_that_is_not_finite_moves_no_row() -> None:
    model = Model()
    first, by_row = model.table.weight.detach().clone(), stepper(model, True)
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        by_row.step(lambda batch: model.loss(batch) * float("nan"), batches(1)[0])
    by_row.catch_up()
    assert torch.equal(model.table.weight, first)


def test_a_table_that_is_read_twice_in_a_step_is_refused() -> None:
    model = Model()
    with pytest.raises(RuntimeError, match="read once in a step"):
        stepper(model, True).step(lambda batch: model.loss(batch) + model.loss(batch), batches(1)[0])


def test_rows_are_moved_one_by_one_where_a_batch_reads_few_of_them() -> None:
    table = Model().table
    assert is_faster_by_row(table, 8)
    assert not is_faster_by_row(table, 9)
    assert not is_faster_by_row(table.requires_grad_(False), 1)
