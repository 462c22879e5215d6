"""A few texts asked beforehand: what would go wrong later goes wrong now, in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distune.models.errors import ModelError
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.teacher import Teacher, ask_teacher, load_teacher, teacher_logits
from tests.families import POSITIONS, TEXTS, save_family


@pytest.fixture
def teacher(teacher_folder: Path) -> Teacher:
    return load_teacher(teacher_folder, POSITIONS)


def test_the_logits_are_those_of_the_texts_alone(teacher: Teacher) -> None:
    found = rehearse(teacher, TEXTS[:5], ["pooled", 1])
    np.testing.assert_allclose(found, teacher_logits(teacher, TEXTS[:5]), atol=1e-5)


def test_positions_that_run_out_are_found_though_no_text_is_that_long(teacher: Teacher) -> None:
    with pytest.raises(ModelError, match=r"^the teacher \(BertForSequenceClassification\) does not answer: ") as caught:
        rehearse(replace(teacher, max_length=POSITIONS + 1), TEXTS[:5])
    assert "\n" not in str(caught.value)


def test_padding_that_changes_answers_is_refused(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_seen(*arguments: Any) -> dict[str, torch.Tensor]:
        inputs = dict(teacher.tokenizer.pad(list(arguments[1]), return_tensors="pt"))
        return {**inputs, "attention_mask": torch.ones_like(inputs["input_ids"])}

    monkeypatch.setattr("distune.models.teacher.teacher.padded", all_seen)
    with pytest.raises(
        ModelError, match=r"gives '.*' other logits in a batch, in which it is padded, than alone \(apart by"
    ):
        rehearse(teacher, TEXTS[:5])


def test_states_that_are_not_there_are_refused(teacher: Teacher) -> None:
    with pytest.raises(
        ModelError, match=r"hidden_states must be pooled or 0 to 2, the layers of the teacher, but got 7"
    ):
        rehearse(teacher, TEXTS[:5], [7])


def test_a_pooled_state_that_the_logits_are_no_map_of_is_refused(
    teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.models.teacher.heads._of_the_last_token", lambda model, inputs, read: read + 1)
    with pytest.raises(ModelError, match="hidden_states: pooled is not known of BertForSequenceClassification"):
        rehearse(teacher, TEXTS[:5], ["pooled"])


def test_logits_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    teacher = load_teacher(save_family("bert", tmp_path), POSITIONS)
    with torch.no_grad():
        teacher.models[0].classifier.bias[0] = torch.nan
    with pytest.raises(
        ModelError, match=r"the teacher's logits of '.*' are not all finite numbers; its weights are damaged"
    ):
        rehearse(teacher, TEXTS[:5])


def test_states_that_do_not_fit_in_the_cache_are_refused(tmp_path: Path) -> None:
    teacher = load_teacher(save_family("bert", tmp_path), POSITIONS)
    with torch.no_grad():
        teacher.models[0].bert.embeddings.LayerNorm.weight.fill_(1e6)
    with pytest.raises(ModelError, match="hidden_states: the teacher's states are too large for float16"):
        ask_teacher(teacher, TEXTS[:5], [0])
