"""Whether a checkpoint is a classifier at all: nothing random answers, and nothing that picks no class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from distune.models.errors import ModelError
from distune.models.teacher.loading import load_classifier, load_trunk, named_head
from distune.models.teacher.teacher import check_checkpoint, load_teacher, teacher_logits, timing_twin
from tests.families import TEXTS, save_family


def as_kind(kind: type, folder: Path, target: Path) -> Path:
    kind.from_pretrained(folder).save_pretrained(target)  # type: ignore[attr-defined]
    AutoTokenizer.from_pretrained(folder).save_pretrained(target)
    return target


@pytest.mark.parametrize("kind", [AutoModelForMaskedLM, AutoModel])
def test_a_head_that_would_be_new_is_refused(kind: type, teacher_folder: Path, tmp_path: Path) -> None:
    folder = as_kind(kind, teacher_folder, tmp_path)
    with pytest.raises(
        ModelError,
        match=r"has no trained classification head \(.* its config.json says Bert(ForMaskedLM|Model)\)"
        r".*random; set epochs >= 1 to fine-tune it",
    ) as caught:
        load_teacher(folder, 32)
    assert "\n" not in str(caught.value)


def test_a_setfit_model_is_refused_with_what_its_head_is(teacher_folder: Path, tmp_path: Path) -> None:
    folder = as_kind(AutoModel, teacher_folder, tmp_path)
    (folder / "model_head.pkl").write_bytes(b"")
    with pytest.raises(
        ModelError, match=r"is a SetFit model, whose head \(model_head.pkl\) transformers does not read"
    ):
        load_teacher(folder, 32)


def test_a_pooler_that_would_be_new_is_refused(teacher_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher_folder, tmp_path / "x")
    weights = load_file(tmp_path / "x" / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    save_file(kept, tmp_path / "x" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"no trained classification head \(bert.pooler.dense.bias is not in its weights"
    ):
        load_classifier(tmp_path / "x")


def test_weights_under_another_prefix_are_refused_also_to_be_fine_tuned(teacher_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher_folder, tmp_path / "x")
    weights = load_file(tmp_path / "x" / "model.safetensors")
    renamed = {f"module.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, tmp_path / "x" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"37 of 37 tensors of the bert would be random"):
        load_classifier(tmp_path / "x")
    with pytest.raises(ModelError, match=r"37 of 37 tensors of the bert would be random"):
        load_trunk(AutoModelForSequenceClassification, tmp_path / "x", **named_head(["a", "b"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 3}, "16 of 53 tensors of the bert would be random"),
        ({"num_hidden_layers": 1}, "has num_hidden_layers=1 .*bert.encoder.layer.1"),
        ({"intermediate_size": 48}, r"is \[32\] in its weights, but \[48\] by its config.json"),
        (
            {"id2label": {"0": "a", "1": "b", "2": "c"}},
            r"another size: classifier.bias is \[2\] in its weights, but \[3\] by its config.json; correct id2label",
        ),
        ({"problem_type": "multi_label_classification"}, "is multi-label .* set epochs >= 1"),
        ({"problem_type": "regression"}, "has 2 outputs and problem_type regression, a score and no class"),
        ({"id2label": {"0": "a"}}, "has 1 output, a score and no class"),
        (
            {"architectures": ["BertForTokenClassification"]},
            "is a BertForTokenClassification, which does not classify texts",
        ),
    ],
)
def test_a_config_that_is_not_of_these_weights_or_picks_no_class_is_refused(
    changes: dict[str, object], message: str, teacher_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(teacher_folder, tmp_path / "x")
    path = tmp_path / "x" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ModelError, match=message):
        load_classifier(tmp_path / "x", is_multi_label=False)


def test_a_head_of_tokens_with_the_names_of_one_of_texts_is_refused(tmp_path: Path) -> None:
    save_family("modernbert", tmp_path)
    as_kind(AutoModelForTokenClassification, tmp_path, tmp_path)
    with pytest.raises(ModelError, match="is a ModernBertForTokenClassification, which does not classify texts"):
        load_classifier(tmp_path)


def test_what_picks_no_class_is_refused_before_weights_are_read(teacher_folder: Path, tmp_path: Path) -> None:
    settings = json.loads((teacher_folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "problem_type": "multi_label_classification"}))
    with pytest.raises(ModelError, match="is multi-label"):
        check_checkpoint(str(tmp_path), ["a", "b"])
    check_checkpoint(str(tmp_path), None)  # To be fine-tuned it need not pick one yet.


def test_a_head_may_be_new_where_it_is_to_learn(teacher_folder: Path, tmp_path: Path) -> None:
    folder = as_kind(AutoModelForMaskedLM, teacher_folder, tmp_path)
    model = load_trunk(AutoModelForSequenceClassification, folder, **named_head(["a", "b", "c"]))
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.problem_type == "single_label_classification"
    theirs = AutoModelForMaskedLM.from_pretrained(folder).bert.embeddings.word_embeddings.weight
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, theirs)


def test_weights_in_a_torch_file_are_taken(teacher_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher_folder, tmp_path / "x")
    torch.save(load_file(tmp_path / "x" / "model.safetensors"), tmp_path / "x" / "pytorch_model.bin")
    (tmp_path / "x" / "model.safetensors").unlink()
    ours, theirs = (teacher_logits(load_teacher(folder, 32), TEXTS[:4]) for folder in (tmp_path / "x", teacher_folder))
    np.testing.assert_array_equal(ours, theirs)


def test_a_twin_of_a_half_model_computes_in_float32(teacher_folder: Path) -> None:
    description = load_teacher(teacher_folder, 32).description()
    description["config"] = {**description["config"], "dtype": "float16"}
    twin = timing_twin(description, TEXTS)
    assert {parameter.dtype for parameter in twin.models[0].parameters()} == {torch.float32}


def test_a_twin_of_a_decoder_is_asked_in_batches(tmp_path: Path) -> None:
    description = load_teacher(save_family("gpt2", tmp_path), 32).description()
    assert teacher_logits(timing_twin(description, TEXTS), TEXTS[:4]).shape == (4, 3)


def test_of_weights_in_two_files_the_one_that_is_read_is_told(teacher_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    shutil.copytree(teacher_folder, folder)
    assert load_classifier(folder).notes == ()
    weights = load_file(folder / "model.safetensors")
    bias = weights["classifier.bias"]
    torch.save({**weights, "classifier.bias": bias + 5}, folder / "pytorch_model.bin")
    found = load_classifier(folder)
    assert found.notes == (
        f"the teacher {folder} has weights in model.safetensors and pytorch_model.bin; model.safetensors is read",
    )
    assert torch.equal(found.model.get_parameter("classifier.bias"), bias)
    found.model.save_pretrained(folder, max_shard_size="20KB")
    save_file({**weights, "classifier.bias": bias + 7}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "pytorch_model.bin").unlink()
    found = load_classifier(folder)
    assert found.notes == (
        f"the teacher {folder} has weights in model.safetensors and model.safetensors.index.json; model.safetensors is read",
    )
    assert torch.equal(found.model.get_parameter("classifier.bias"), bias + 7)
