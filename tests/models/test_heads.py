"""The last layer before the logits; that it is found in every family is in test_families.py."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, RobertaConfig, XLMRobertaConfig

from distune.models.errors import ModelError
from distune.models.teacher.heads import answer, output_layer, refuse_wrong_pooled
from tests.families import SHAPE

INPUTS = {"input_ids": torch.tensor([[2, 5, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(BertConfig, "classifier"), (RobertaConfig, "classifier.out_proj"), (XLMRobertaConfig, "classifier.out_proj")],
)
def test_the_output_layer_is_the_last_of_the_head_wherever_the_head_stands(kind: type[BertConfig], name: str) -> None:
    found = output_layer(AutoModelForSequenceClassification.from_config(kind(vocab_size=20, **SHAPE)))
    assert found is not None
    assert found[0] == name


def test_a_head_without_a_linear_layer_has_no_pooled_state() -> None:
    model = AutoModelForSequenceClassification.from_config(BertConfig(vocab_size=20, **SHAPE)).eval()
    model.classifier = torch.nn.Identity()
    with pytest.raises(
        ModelError, match="no last linear layer is known of BertForSequenceClassification; name layers by number"
    ):
        answer(model, INPUTS, ["pooled"])


def test_only_what_gives_the_logits_is_pooled() -> None:
    model = AutoModelForSequenceClassification.from_config(BertConfig(vocab_size=20, **SHAPE)).eval()
    with torch.inference_mode():
        logits, (pooled,) = answer(model, INPUTS, ["pooled"])
    refuse_wrong_pooled("the teacher x", model, logits, pooled)
    with pytest.raises(ModelError, match="the teacher x: hidden_states: pooled is not known"):
        refuse_wrong_pooled("the teacher x", model, logits, pooled + 1)
