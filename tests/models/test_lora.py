"""A LoRA adapter: merged into its base where peft is installed, else one line says how to merge it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import distune.models.teacher.lora
from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.teacher import Teacher, check_checkpoint, load_teacher, teacher_logits
from distune.models.teacher.training import check_start
from tests.families import TEXTS
from tests.making.adapters import QUERY, merged_by_hand

SETTINGS = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "lora_alpha": 4, "target_modules": ["query"]}


@pytest.fixture
def adapter(teacher_folder: Path, tmp_path: Path) -> Path:
    """An adapter of an encoder, with a head of three classes, as peft writes it."""
    base, folder = tmp_path / "base", tmp_path / "adapter"
    AutoModel.from_pretrained(teacher_folder).save_pretrained(base)
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(base)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({**SETTINGS, "base_model_name_or_path": str(base)}))
    torch.manual_seed(0)
    tensors = {
        f"base_model.model.{QUERY}.lora_A.weight": torch.randn(2, 16),
        f"base_model.model.{QUERY}.lora_B.weight": torch.randn(16, 2),
        "base_model.model.classifier.weight": torch.randn(3, 16),
        "base_model.model.classifier.bias": torch.randn(3),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_without_peft_the_line_says_how_to_merge_it(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distune.models.teacher.lora, "find_spec", lambda name: None)
    check_checkpoint(str(adapter), ["a", "b", "c"])
    with pytest.raises(
        ModelError, match=r"is a LoRA adapter of .*base: pip install peft, or merge it .*merge_and_unload"
    ) as caught:
        load_teacher(adapter, 32)
    assert "\n" not in str(caught.value)


def test_an_adapter_is_not_fine_tuned_further(adapter: Path) -> None:
    with pytest.raises(ModelError, match="is a LoRA adapter, which is not fine-tuned further; merge it into its base"):
        check_start(TeacherConfig(checkpoint=str(adapter), epochs=1), TEXTS[:4], ["a", "b"])


def test_another_kind_of_adapter_is_refused(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distune.models.teacher.lora, "find_spec", lambda name: object())
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "PREFIX_TUNING"}))
    with pytest.raises(ModelError, match="is an adapter of type PREFIX_TUNING; only LORA can be merged"):
        load_teacher(adapter, 32)


def test_an_adapter_is_merged_into_its_base(adapter: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    teacher = load_teacher(adapter, 32, ["a", "b", "c"])
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=3).eval()
    model = merged_by_hand(base, adapter)
    expected = teacher_logits(Teacher(models=(model,), tokenizer=teacher.tokenizer, max_length=32), TEXTS[:5])
    np.testing.assert_allclose(teacher_logits(teacher, TEXTS[:5]), expected, atol=1e-5)
    assert not any("lora" in name for name, _ in teacher.models[0].named_modules())
    assert "is merged into it" in teacher.notes[0]


def test_an_adapter_whose_head_was_not_saved_is_refused(adapter: Path) -> None:
    pytest.importorskip("peft")
    kept = {
        f"base_model.model.{QUERY}.lora_A.weight": torch.zeros(2, 16),
        f"base_model.model.{QUERY}.lora_B.weight": torch.zeros(16, 2),
    }
    save_file(kept, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"neither of them has classifier.bias and 1 more, which would be random"):
        load_teacher(adapter, 32)


def test_a_base_that_is_away_is_named(adapter: Path) -> None:
    pytest.importorskip("peft")
    (adapter / "adapter_config.json").write_text(json.dumps({**SETTINGS, "base_model_name_or_path": "/nowhere/base"}))
    with pytest.raises(ModelError, match=r"/nowhere/base.* cannot be loaded"):
        load_teacher(adapter, 32)
