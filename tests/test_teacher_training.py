from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from models.fitting import ModelError
from models.teacher import load_teacher, teacher_logits
from models.teacher_config import TeacherConfig
from models.teacher_training import TrainingTexts, freeze_all_but_last, train_teacher

SCRATCH = {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}
GOOD, BAD = ["好书", "好人", "很好", "好看", "好吃", "好用"], ["差书", "差人", "很差", "差看", "差吃", "差用"]
TEXTS = TrainingTexts(
    texts=(GOOD + BAD) * 5,
    labels=np.array(([1] * 6 + [0] * 6) * 5),
    dev_texts=["好的", "差的"],
    dev_labels=np.array([1, 0]),
    label_names=("bad", "good"),
)


def train(tmp_path: Path, said: list[str], **settings: object) -> Path:
    scratch = {**SCRATCH, **settings.pop("scratch", {})}  # type: ignore[dict-item]
    config = TeacherConfig.model_validate(
        {
            "from_scratch": scratch,
            "epochs": 8,
            "learning_rate": 5e-3,
            "batch_size": 12,
            "max_length": 8,
            "patience": 9,
            **settings,
        }
    )
    return train_teacher(config, TEXTS, tmp_path / "teacher", said.append)


def test_a_teacher_from_scratch_learns_and_is_a_normal_transformers_folder(tmp_path: Path) -> None:
    folder = train(tmp_path, [])
    teacher = load_teacher(folder, 8, ("bad", "good"))
    assert (teacher_logits(teacher, ["好的", "差的"]).argmax(1) == [1, 0]).all()
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "bad", 1: "good"}


def test_fine_tuning_stops_when_dev_gets_no_better(tmp_path: Path) -> None:
    said: list[str] = []
    train(tmp_path, said, epochs=50, patience=1)
    epochs = [line for line in said if line.startswith("teacher epoch")]
    assert 2 <= len(epochs) < 50


def test_members_of_an_ensemble_differ_and_each_has_its_folder(tmp_path: Path) -> None:
    folder = train(tmp_path, [], members=2, epochs=1)
    teacher = load_teacher(folder, 8)
    assert sorted(path.name for path in folder.iterdir()) == ["member-0", "member-1"]
    first, second = (model.classifier.weight for model in teacher.models)
    assert not torch.equal(first, second)


def test_pretraining_says_how_far_it_is_and_its_encoder_is_kept(tmp_path: Path) -> None:
    said: list[str] = []
    folder = train(tmp_path, said, epochs=1, scratch={"pretraining_epochs": 1})
    assert said[0].startswith("pretraining step 5/5: loss")
    assert (folder / "pretrained" / "config.json").is_file()


def test_training_again_with_the_same_seed_gives_the_same_teacher(tmp_path: Path) -> None:
    one, two = (load_teacher(train(tmp_path / name, [], epochs=2), 8) for name in "ab")
    np.testing.assert_array_equal(teacher_logits(one, GOOD), teacher_logits(two, GOOD))


def test_only_the_last_layers_the_pooler_and_the_head_are_trained(teacher_folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    freeze_all_but_last(model, 1)
    trained = {name.rsplit(".", 1)[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(name.startswith(("bert.encoder.layer.1.", "bert.pooler", "classifier")) for name in trained)
    assert not model.bert.embeddings.word_embeddings.weight.requires_grad
    assert any(name.startswith("bert.encoder.layer.1.") for name in trained)


def test_training_zero_layers_trains_the_head_alone(teacher_folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    freeze_all_but_last(model, 0)
    trained = {name.split(".")[0] + "." + name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"bert.pooler", "classifier.weight", "classifier.bias"}


def test_more_layers_than_there_are_is_refused(teacher_folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    with pytest.raises(ModelError, match=r"must be <= 2, but got train_last_layers=3"):
        freeze_all_but_last(model, 3)


def test_a_checkpoint_is_fine_tuned_to_other_classes(teacher_folder: Path, tmp_path: Path) -> None:
    config = TeacherConfig(checkpoint=str(teacher_folder), epochs=1, train_last_layers=1, max_length=8)
    texts = TrainingTexts(TEXTS.texts, TEXTS.labels, TEXTS.dev_texts, TEXTS.dev_labels, ("bad", "good", "so-so"))
    folder = train_teacher(config, texts, tmp_path / "teacher", lambda line: None)
    assert load_teacher(folder, 8, ("bad", "good", "so-so")).n_classes == 3
