"""A teacher on a CPU: what its dropout and its attention compute is what transformers' own compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import BertForSequenceClassification, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from distune.models.layers.dropout import Dropout
from distune.models.teacher.on_cpu import attention_on_cpu, cheap_dropout

TOO_SMALL = 1e-6
"""Hides nothing: it is less than 1/65536, so what is left is the attention itself."""


class Attention(nn.Module):
    is_causal = False


@pytest.fixture
def heads() -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of two texts, `[2, 3, 5, 4]`."""
    torch.manual_seed(0)
    return torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 4)


@pytest.mark.parametrize("kind", ["none", "boolean", "added"])
def test_attention_is_that_of_torch_where_dropout_hides_nothing(
    heads: tuple[Tensor, Tensor, Tensor], kind: str
) -> None:
    seen = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], dtype=torch.bool)[:, None, None, :].expand(2, 1, 5, 5)
    masks = {"none": None, "boolean": seen, "added": torch.where(seen, 0.0, -torch.inf)}
    ours, theirs = (
        attention(Attention(), *heads, masks[kind], dropout=dropout, scaling=0.5)[0]
        for attention, dropout in ((attention_on_cpu, TOO_SMALL), (sdpa_attention_forward, 0.0))
    )
    torch.testing.assert_close(ours, theirs)


def test_dropout_hides_weights_of_attention_and_keeps_their_mean(heads: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    many = [part[:1].expand(4000, -1, -1, -1) for part in heads]
    drawn = attention_on_cpu(Attention(), many[0], many[1], many[2], None, dropout=0.2)[0]
    whole = sdpa_attention_forward(Attention(), *heads, None)[0][0]
    assert not torch.equal(drawn[0], drawn[1])
    # A weight of at most 1 that is 0 or 1.25 moves by 0.5, and a mean of 4,000 of them by 0.008, times values of up to 3.
    assert (drawn.mean(dim=0) - whole).abs().max() < 0.08


@pytest.mark.parametrize("others", [{"is_causal": True}, {"position_bias": torch.ones(1, 3, 5, 5)}])
def test_what_is_not_plain_attention_is_left_to_torch(
    heads: tuple[Tensor, Tensor, Tensor], others: dict[str, object]
) -> None:
    torch.manual_seed(1)
    ours = attention_on_cpu(Attention(), *heads, None, dropout=0.3, **others)[0]
    torch.manual_seed(1)
    assert torch.equal(ours, sdpa_attention_forward(Attention(), *heads, None, dropout=0.3, **others)[0])


def test_in_bf16_attention_is_ours_without_dropout_too(
    heads: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    rough = [part.bfloat16() for part in heads]
    exact = sdpa_attention_forward(Attention(), *heads, None)[0]
    monkeypatch.delattr("distune.models.teacher.on_cpu.sdpa_attention_forward")
    found = attention_on_cpu(Attention(), rough[0], rough[1], rough[2], None)[0]
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, atol=0.03, rtol=0.03)


def load(folder: Path) -> PreTrainedModel:
    return BertForSequenceClassification.from_pretrained(folder)


def test_a_model_is_as_it_was_when_training_is_over(save_teacher: Callable[..., Path]) -> None:
    model = load(save_teacher())
    before = [type(module) for module in model.modules()]
    with cheap_dropout(model):
        model.train()
        assert sum(type(module) is Dropout for module in model.modules()) == before.count(nn.Dropout) > 0
        assert model.config._attn_implementation == "distune_on_cpu"
        model.eval()
    assert [type(module) for module in model.modules()] == before
    assert not any(module.training for module in model.modules())
    assert model.config._attn_implementation == "sdpa"


def test_the_gradients_are_those_of_transformers_where_dropout_hides_nothing(save_teacher: Callable[..., Path]) -> None:
    folder = save_teacher()
    token_ids = torch.tensor([[2, 7, 8, 9, 3], [2, 7, 3, 0, 0]])
    inputs = {"input_ids": token_ids, "attention_mask": (token_ids != 0).long(), "labels": torch.tensor([0, 1])}
    gradients = []
    for dropout in (TOO_SMALL, 0.0):
        model = load(folder).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        with cheap_dropout(model):
            model(**inputs).loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_trained_folder_names_no_attention_of_ours(save_teacher: Callable[..., Path], tmp_path: Path) -> None:
    model = load(save_teacher())
    with cheap_dropout(model):
        model.save_pretrained(tmp_path)
    assert "distune" not in (tmp_path / "config.json").read_text()
    assert load(tmp_path).config._attn_implementation == "sdpa"
