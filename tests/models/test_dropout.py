"""Dropout of 16 random bits a feature."""

from __future__ import annotations

import pytest
import torch

from distune.models.layers.dropout import Dropout


def test_dropout_hides_its_part_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    seen = Dropout(0.2)(torch.ones(401, 499))
    assert seen.unique().tolist() == pytest.approx([0.0, 65536 / (65536 - 13107)])
    # 200,099 features: the part that is hidden has a standard deviation of 0.0009.
    assert abs(float((seen == 0).float().mean()) - 0.2) < 0.004


def test_every_feature_is_hidden_as_often_as_any_other() -> None:
    torch.manual_seed(0)
    dropout = Dropout(0.5)
    hidden = sum((dropout(torch.ones(2, 7)) == 0).float() for _ in range(4000))
    assert isinstance(hidden, torch.Tensor)
    # Each has a standard deviation of 0.008.
    assert (hidden / 4000 - 0.5).abs().max() < 0.035


def test_the_gradient_is_hidden_where_the_feature_is() -> None:
    features = torch.randn(5, 6, requires_grad=True)
    seen = Dropout(0.5)(features)
    seen.sum().backward()
    assert features.grad is not None
    assert torch.equal(seen.detach(), features.detach() * features.grad)


def test_dropout_follows_the_seed_and_is_nothing_outside_training() -> None:
    dropout, features = Dropout(0.3), torch.randn(10, 10)
    first, second = (torch.manual_seed(seed) and dropout(features) for seed in (1, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, dropout(features))
    assert dropout.eval()(features) is features
    assert Dropout(0.0)(features) is features
