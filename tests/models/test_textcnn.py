"""Filters of several widths as one convolution."""

from __future__ import annotations

import pytest
import torch

from distune.models.students.config import TextCNNConfig
from distune.models.students.textcnn import Convolutions, each_windows, is_faster_joined, joined_windows


@pytest.mark.parametrize(("width", "widths"), [(3, 3), (2, 2), (1, 4)])
def test_filters_of_several_widths_joined_see_what_each_sees(width: int, widths: int) -> None:
    torch.manual_seed(0)
    layer = Convolutions(TextCNNConfig(kind="textcnn", filters=5, width=width, widths=widths), 7).layers[0]
    layer, states = layer.double(), torch.randn(2, 7, 9, dtype=torch.double)
    each, joined = each_windows(layer, states), joined_windows(layer, states)
    torch.testing.assert_close(joined, each)
    weights = list(layer.parameters())
    of_each = torch.autograd.grad(each.square().sum(), weights)
    of_joined = torch.autograd.grad(joined.square().sum(), weights)
    for one, other in zip(of_joined, of_each, strict=True):
        torch.testing.assert_close(one, other)


def test_filters_are_joined_where_few_of_their_weights_are_zeros() -> None:
    assert is_faster_joined([3, 4, 5])  # 15 of 12
    assert not is_faster_joined([1, 2, 3, 4])  # 16 of 10
    assert not is_faster_joined([3])
