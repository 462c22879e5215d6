"""A LoRA adapter whose texts have several labels: its task comes from its own config.json, or from its base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from distune.models.errors import ModelError
from distune.models.teacher.head_kind import EACH_LABEL, ONE_CLASS
from distune.models.teacher.teacher import Teacher, load_teacher, teacher_logits
from tests.families import TEXTS
from tests.making.adapters import PREFIX, QUERY, merged_by_hand

pytest.importorskip("peft")
LABELS = ("broken", "late", "price")
SETTINGS = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "lora_alpha": 4, "target_modules": ["query"]}


def named(problem_type: str | None) -> dict[str, Any]:
    return {"id2label": dict(enumerate(LABELS)), "label2id": {}, "problem_type": problem_type}


@pytest.fixture
def base(teacher_folder: Path, tmp_path: Path) -> Path:
    """A classifier of three labels that does not say its task."""
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(
        teacher_folder, ignore_mismatched_sizes=True, **named(None)
    )
    model.save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({**SETTINGS, "base_model_name_or_path": str(base)}))
    torch.manual_seed(0)
    tensors = {
        f"{PREFIX}{QUERY}.lora_A.weight": torch.randn(2, 16),
        f"{PREFIX}{QUERY}.lora_B.weight": torch.randn(16, 2),
        f"{PREFIX}classifier.weight": torch.randn(3, 16),
        f"{PREFIX}classifier.bias": torch.randn(3),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def say(folder: Path, problem_type: str) -> None:
    """Write into the config.json of a folder which task its head has."""
    config = AutoConfig.from_pretrained(folder) if (folder / "config.json").is_file() else None
    config = config or AutoConfig.from_pretrained(folder.parent / "base")
    config.problem_type = problem_type
    config.save_pretrained(folder)


@pytest.mark.parametrize("where", ["base", "adapter"])
def test_an_adapter_that_answers_each_label_is_merged_and_answers_so(base: Path, adapter: Path, where: str) -> None:
    say(base.parent / where, EACH_LABEL)
    teacher = load_teacher(adapter, 32, LABELS, is_multi_label=True)
    model = merged_by_hand(AutoModelForSequenceClassification.from_pretrained(base).eval(), adapter)
    expected = teacher_logits(Teacher(models=(model,), tokenizer=teacher.tokenizer, max_length=32), TEXTS[:5])
    np.testing.assert_allclose(teacher_logits(teacher, TEXTS[:5]), expected, atol=1e-5)
    assert not any("does not say whether" in note for note in teacher.notes)


@pytest.mark.parametrize("where", ["base", "adapter"])
def test_an_adapter_of_the_other_task_is_refused_in_one_line(base: Path, adapter: Path, where: str) -> None:
    for said, is_multi_label, message in (
        (EACH_LABEL, False, "is multi-label .*, and the corpus has one label a text"),
        (ONE_CLASS, True, "picks one class for each text .*, and the corpus has several labels a text"),
    ):
        say(base.parent / where, said)
        with pytest.raises(ModelError, match=message) as refused:
            load_teacher(adapter, 32, LABELS, is_multi_label=is_multi_label)
        assert "\n" not in str(refused.value)


def test_the_config_of_the_adapter_counts_before_that_of_its_base(base: Path, adapter: Path) -> None:
    say(base, ONE_CLASS)
    say(adapter, EACH_LABEL)
    assert load_teacher(adapter, 32, LABELS, is_multi_label=True).models


def test_an_adapter_that_says_no_task_is_taken_as_the_corpus_is_and_says_so(adapter: Path) -> None:
    teacher = load_teacher(adapter, 32, LABELS, is_multi_label=True)
    assert any("does not say whether it answers each label by itself" in note for note in teacher.notes)
