from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    PreTrainedConfig,
    RobertaConfig,
)

from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.new_head import freeze_all_but_last
from distune.models.teacher.pretraining import asked_logits
from distune.models.teacher.teacher import load_teacher, teacher_logits
from distune.models.teacher.tokenizing import character_tokenizer
from distune.models.teacher.training import TrainingTexts, check_start, train_teacher
from tests.families import TEXTS as FAMILY_TEXTS
from tests.families import save_family

SCRATCH = {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}
GOOD, BAD = ["好书", "好人", "很好", "好看", "好吃", "好用"], ["差书", "差人", "很差", "差看", "差吃", "差用"]
TEXTS = TrainingTexts(
    texts=(GOOD + BAD) * 5,
    labels=np.array(([1] * 6 + [0] * 6) * 5),
    dev_texts=["好的", "差的"],
    dev_labels=np.array([1, 0]),
    label_names=("bad", "good"),
)


def train(tmp_path: Path, **settings: object) -> Path:
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
    return train_teacher(config, TEXTS, tmp_path / "teacher")


def test_a_teacher_from_scratch_learns_and_is_a_normal_transformers_folder(tmp_path: Path) -> None:
    folder = train(tmp_path, epochs=16)
    teacher = load_teacher(folder, 8, ("bad", "good"))
    assert (teacher_logits(teacher, ["好的", "差的"]).argmax(1) == [1, 0]).all()
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "bad", 1: "good"}


def test_fine_tuning_stops_when_dev_gets_no_better(tmp_path: Path, said: list[str]) -> None:
    train(tmp_path, epochs=50, patience=1)
    epochs = [line for line in said if line.startswith("teacher epoch")]
    assert 2 <= len(epochs) < 50


def test_members_of_an_ensemble_differ_and_each_has_its_folder(tmp_path: Path) -> None:
    folder = train(tmp_path, members=2, epochs=1)
    teacher = load_teacher(folder, 8)
    assert sorted(path.name for path in folder.iterdir()) == ["member-0", "member-1"]
    first, second = (model.classifier.weight for model in teacher.models)
    assert not torch.equal(first, second)


def test_pretraining_says_how_far_it_is_and_its_encoder_is_kept(tmp_path: Path, said: list[str]) -> None:
    folder = train(tmp_path, epochs=1, pretrain={"epochs": 1})
    assert said[0].startswith("pretraining step 5/5: loss")
    assert (folder / "pretrained" / "config.json").is_file()


def test_training_again_with_the_same_seed_gives_the_same_teacher(tmp_path: Path) -> None:
    one, two = (load_teacher(train(tmp_path / name, epochs=2), 8) for name in "ab")
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
    texts = TrainingTexts(
        texts=TEXTS.texts,
        labels=TEXTS.labels,
        dev_texts=TEXTS.dev_texts,
        dev_labels=TEXTS.dev_labels,
        label_names=("bad", "good", "so-so"),
    )
    folder = train_teacher(config, texts, tmp_path / "teacher")
    assert load_teacher(folder, 8, ("bad", "good", "so-so")).n_classes == 3


def test_a_checkpoint_is_pretrained_on_and_then_fine_tuned(
    teacher_folder: Path, tmp_path: Path, said: list[str]
) -> None:
    settings = {"checkpoint": str(teacher_folder), "epochs": 1, "max_length": 8, "pretrain": {"epochs": 2}}
    folder = train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher")
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
        train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher")


def test_a_tokenizer_without_a_mask_is_refused(teacher_folder: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(teacher_folder)
    tokenizer.mask_token = None
    AutoModelForSequenceClassification.from_pretrained(teacher_folder).save_pretrained(tmp_path / "maskless")
    tokenizer.save_pretrained(tmp_path / "maskless")
    settings = {"checkpoint": str(tmp_path / "maskless"), "epochs": 1, "pretrain": {}}
    with pytest.raises(ModelError, match=r"the tokenizer of .*maskless has no mask token"):
        train_teacher(TeacherConfig.model_validate(settings), TEXTS, tmp_path / "teacher")


def test_pretraining_without_fine_tuning_is_refused() -> None:
    with pytest.raises(ValueError, match="pretrain needs epochs >= 1"):
        TeacherConfig.model_validate({"checkpoint": "some-bert", "pretrain": {"epochs": 1}})


def encoder(family: str, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """The trunk of a family without a head, with a tokenizer that knows the texts, stored in 16 bits where asked."""
    save_family(family, folder)
    AutoModel.from_pretrained(folder, dtype=dtype).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", ["gpt2", "xlm-roberta"])
def test_a_half_checkpoint_of_another_family_is_fine_tuned_in_float32(
    family: str, tmp_path: Path, said: list[str]
) -> None:
    folder = encoder(family, tmp_path / "start", torch.float16)
    config = TeacherConfig(checkpoint=str(folder), epochs=1)
    texts = TrainingTexts(
        texts=[*FAMILY_TEXTS, *GOOD],
        labels=np.array([0, 1] * 33),
        dev_texts=FAMILY_TEXTS[:2],
        dev_labels=np.array([0, 1]),
        label_names=("bad", "good"),
    )
    assert check_start(config, FAMILY_TEXTS[:8], texts.label_names)[-1].endswith("instead of 128 by default")
    trained = load_teacher(train_teacher(config, texts, tmp_path / "teacher"), 32, ("bad", "good"))
    assert any("reads at most 32 tokens" in line for line in said)
    assert {parameter.dtype for parameter in trained.models[0].parameters()} == {torch.float32}
    assert trained.models[0].config.problem_type == "single_label_classification"
    assert trained.models[0].config.pad_token_id == trained.tokenizer.pad_token_id
    assert np.isfinite(teacher_logits(trained, FAMILY_TEXTS[:4])).all()


def test_a_multi_label_classifier_is_fine_tuned_to_pick_one_class(teacher_folder: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(
        teacher_folder, problem_type="multi_label_classification"
    )
    model.save_pretrained(tmp_path / "many")
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(tmp_path / "many")
    config = TeacherConfig(checkpoint=str(tmp_path / "many"), epochs=1, max_length=8)
    folder = train_teacher(config, TEXTS, tmp_path / "teacher")
    assert load_teacher(folder, 8, ("bad", "good")).n_classes == 2


def test_nothing_but_the_last_layers_and_the_head_is_trained_in_other_families(tmp_path: Path) -> None:
    for family, layers in (
        ("gpt2", "transformer.h.1."),
        ("modernbert", "model.layers.1."),
        ("distilbert", "distilbert.transformer.layer.1."),
    ):
        model = AutoModelForSequenceClassification.from_pretrained(save_family(family, tmp_path / family))
        freeze_all_but_last(model, 1)
        trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        in_trunk = [name for name in trained if name.startswith(f"{model.base_model_prefix}.")]
        assert in_trunk
        assert all(name.startswith(layers) for name in in_trunk)
        assert len(trained) > len(in_trunk)


def test_layers_that_share_their_weights_are_not_trained_in_part(tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(save_family("albert", tmp_path))
    with pytest.raises(ModelError, match=r"must be 0 or left out, as the 2 layers of a albert share their weights"):
        freeze_all_but_last(model, 1)
    freeze_all_but_last(model, 0)


def test_a_checkpoint_of_other_weights_stops_before_anything_is_trained(teacher_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher_folder, tmp_path / "x")
    path = tmp_path / "x" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 3}))
    config = TeacherConfig(checkpoint=str(tmp_path / "x"), epochs=1, max_length=8)
    for start in (
        lambda: check_start(config, GOOD, ("bad", "good")),
        lambda: train_teacher(config, TEXTS, tmp_path / "teacher"),
    ):
        with pytest.raises(ModelError, match="16 of 53 tensors of the bert would be random"):
            start()


def test_a_vocabulary_that_is_too_small_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a teacher from scratch: its tokenizer does not know \d+ % of the corpus"):
        train(tmp_path, scratch={"min_count": 1000})
