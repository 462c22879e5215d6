"""The running mean of weights, against means that are computed by hand."""

from __future__ import annotations

import pytest
import torch

from distune.models.training.averaging import WeightAverage


def test_a_mean_of_decay_a_half() -> None:
    weight = torch.tensor([0.0, 8.0])
    average = WeightAverage({"w": weight}, decay=0.5)
    for step, value in enumerate(([4.0, 8.0], [4.0, 0.0]), start=100):
        weight.copy_(torch.tensor(value))
        average.update(step)
    # 0, 2, 3 and 8, 8, 4.
    assert average.weights["w"].tolist() == [3.0, 4.0]


def test_the_first_steps_count_for_more() -> None:
    weight = torch.tensor([0.0])
    average = WeightAverage({"w": weight}, decay=0.99)
    weight.fill_(11.0)
    average.update(1)  # The decay is 2 / 11, not 0.99.
    assert average.weights["w"].item() == pytest.approx(9.0)
    weight.fill_(0.0)
    average.update(2)  # 3 / 12.
    assert average.weights["w"].item() == pytest.approx(2.25)
    average.update(890)  # 891 / 900 is 0.99.
    assert average.weights["w"].item() == pytest.approx(2.25 * 0.99)


def test_it_goes_on_with_what_was_kept() -> None:
    weight = torch.tensor([2.0])
    average = WeightAverage({"w": weight}, decay=0.5)
    average.restore({"w": torch.tensor([6.0])})
    average.update(100)
    assert average.weights["w"].item() == 4.0
