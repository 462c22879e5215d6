from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    PreTrainedConfig,
    RobertaConfig,
)

from models.fitting import ModelError
from models.pretraining import asked_logits
from models.teacher import load_teacher, teacher_logits
from models.teacher_config import TeacherConfig
from models.teacher_training import TrainingTexts, freeze_all_but_last, train_teacher
from models.tokenizing import character_tokenizer

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
    folder = train(tmp_path, [], epochs=16)
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
    folder = train(tmp_path, said, epochs=1, pretrain={"epochs": 1})
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


def test_a_checkpoint_is_pretrained_on_and_then_fine_tuned(teacher_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = {"checkpoint": str(teacher_folder), "epochs": 1, "max_length": 8, "pretrain": {"epochs": 2}}
    folder = train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher", said.append)
    assert said[0].startswith("pretraining step 4/4: loss")  # Two epochs of 60 texts in batches of 32.
    words = "bert.embeddings.word_embeddings.weight"
    before = AutoModelForSequenceClassification.from_pretrained(teacher_folder).state_dict()[words]
    between = AutoModelForMaskedLM.from_pretrained(folder / "pretrained").state_dict()[words]
    after = load_teacher(folder, 8).models[0].state_dict()[words]
    # 4 steps of at most 5e-5 from the checkpoint, 2 more to the teacher; from nothing, they would be far apart.
    assert 0 < (between - before).abs().max() < 3e-4
    assert 0 < (after - between).abs().max() < 3e-4


SMALL = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
SHAPES = {
    "head of its own": BertConfig(**SMALL),
    "another head": RobertaConfig(**SMALL, pad_token_id=1, max_position_embeddings=12),
    "unknown head": DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=8),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_only_asked_tokens_are_predicted_and_as_the_whole_model_does(shape: PreTrainedConfig) -> None:
    model = AutoModelForMaskedLM.from_config(shape).eval()
    token_ids = torch.tensor([[2, 5, 6, 7], [3, 8, 9, 10]])
    asked = torch.tensor([[False, True, False, True], [False, False, True, False]])
    with torch.inference_mode():
        found = asked_logits(model, token_ids, torch.ones_like(token_ids), asked)
        whole = model(input_ids=token_ids, attention_mask=torch.ones_like(token_ids)).logits
    assert found.shape == (3, 20)
    torch.testing.assert_close(found, whole[asked])


def test_a_checkpoint_that_is_no_masked_language_model_is_refused(tmp_path: Path) -> None:
    tokenizer = character_tokenizer(GOOD, 1, 8)
    shape = GPT2Config(vocab_size=len(tokenizer), n_positions=8, n_embd=8, n_layer=1, n_head=2)
    AutoModelForSequenceClassification.from_config(shape).save_pretrained(tmp_path / "gpt")
    tokenizer.save_pretrained(tmp_path / "gpt")
    settings = {"checkpoint": str(tmp_path / "gpt"), "epochs": 1, "pretrain": {}}
    with pytest.raises(
        ModelError,
        match=r"teacher.pretrain: the teacher .*gpt cannot be loaded: transformers has no MaskedLM model for a GPT2Config",
    ):
        train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher", lambda line: None)


def test_a_tokenizer_without_a_mask_is_refused(teacher_folder: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(teacher_folder)
    tokenizer.mask_token = None
    AutoModelForSequenceClassification.from_pretrained(teacher_folder).save_pretrained(tmp_path / "maskless")
    tokenizer.save_pretrained(tmp_path / "maskless")
    settings = {"checkpoint": str(tmp_path / "maskless"), "epochs": 1, "pretrain": {}}
    with pytest.raises(ModelError, match=r"the tokenizer of .*maskless has no mask token"):
        train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher", lambda line: None)


def test_pretraining_without_fine_tuning_is_refused() -> None:
    with pytest.raises(ValueError, match="pretrain needs epochs >= 1"):
        TeacherConfig.model_validate({"checkpoint": "some-bert", "pretrain": {"epochs": 1}})
