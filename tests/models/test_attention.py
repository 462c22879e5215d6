"""Attention written out is what torch's own computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distune.models.layers.attention import attention, is_better_written_out, written_out

MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], dtype=torch.bool)[:, None, None, :]


@pytest.fixture
def heads() -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of two texts, `[2, 3, 5, 4]`."""
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = torch.randn(3, 2, 3, 5, 4, generator=generator).unbind()
    return queries, keys, values


def test_a_query_takes_of_each_value_as_much_as_it_resembles_its_key() -> None:
    queries, keys = torch.tensor([[[[2.0]]]]), torch.tensor([[[[0.0], [1.0], [9.0]]]])
    values = torch.tensor([[[[1.0], [5.0], [100.0]]]])
    # The scores are 0, 2 and 18, of which the last is not seen: (1 + 5 e^2) / (1 + e^2)
    expected = 4.523188
    found = written_out(queries, keys, values, torch.tensor([[[[True, True, False]]]]))
    assert found.item() == pytest.approx(expected, abs=1e-5)
    # With half the scale the scores are 0 and 1: (1 + 5 e) / (1 + e)
    halved = written_out(queries, keys, values, torch.tensor([[[[0.0, 0.0, -torch.inf]]]]), scale=0.5)
    assert halved.item() == pytest.approx(3.924234, abs=1e-5)


def test_in_bf16_answers_and_gradients_are_those_of_float32_up_to_rounding(
    heads: tuple[Tensor, Tensor, Tensor],
) -> None:
    exact, rough = (
        [part.to(kind, copy=True).requires_grad_() for part in heads] for kind in (torch.float32, torch.bfloat16)
    )
    expected = nn.functional.scaled_dot_product_attention(*exact, attn_mask=MASK)
    found = attention(rough[0], rough[1], rough[2], MASK)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)
    expected.sum().backward()
    found.sum().backward()
    for one, other in zip(rough, exact, strict=True):
        torch.testing.assert_close(one.grad.float(), other.grad, atol=0.06, rtol=0.03)  # type: ignore[union-attr]


def test_only_dropout_and_bf16_are_written_out(heads: tuple[Tensor, Tensor, Tensor]) -> None:
    queries = heads[0]
    assert not is_better_written_out(queries)
    assert is_better_written_out(queries, dropout=0.1)
    assert is_better_written_out(queries.bfloat16())
    assert not is_better_written_out(queries.bfloat16().to("meta"))
