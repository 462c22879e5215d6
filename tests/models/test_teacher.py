from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.teacher import (
    Teacher,
    ask_teacher,
    check_checkpoint,
    load_teacher,
    teacher_logits,
    teacher_size_mb,
    timing_twin,
)
from distune.models.teacher.tokenizing import character_tokenizer, tokenizer_pieces

TEXTS = ["好", "这本书好，手机喜欢", "差", "酒店差，快递讨厌很慢失望"]


@pytest.fixture(scope="module")
def teacher(teacher_folder: Path) -> Teacher:
    return load_teacher(teacher_folder, 32)


def test_a_text_has_the_same_logits_alone_and_in_any_batch(teacher: Teacher) -> None:
    together = teacher_logits(teacher, TEXTS)
    alone = np.concatenate([teacher_logits(teacher, [text]) for text in TEXTS])
    assert together.shape == (4, 2)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_logits_come_in_the_order_of_the_texts(teacher: Teacher) -> None:
    np.testing.assert_allclose(teacher_logits(teacher, TEXTS[::-1])[::-1], teacher_logits(teacher, TEXTS), atol=1e-5)


def test_a_teacher_is_loaded_in_eval_mode(teacher: Teacher) -> None:
    assert not any(module.training for model in teacher.models for module in model.modules())
    np.testing.assert_array_equal(teacher_logits(teacher, TEXTS), teacher_logits(teacher, TEXTS))


def test_hidden_states_are_the_input_of_the_head_and_the_means_over_the_text(teacher: Teacher) -> None:
    logits, states = ask_teacher(teacher, TEXTS, ["pooled", 2, 0])
    np.testing.assert_allclose(logits, teacher_logits(teacher, TEXTS), atol=1e-6)
    assert (states.shape, states.dtype) == ((4, 48), np.float16)
    model = teacher.models[0]
    # The head is linear: it gives the logits of the pooled state.
    head = model.classifier(torch.from_numpy(states[:, :16].astype(np.float32)))
    np.testing.assert_allclose(head.detach().numpy(), logits, atol=2e-3)
    inputs = teacher.tokenizer(TEXTS[1], return_tensors="pt")
    layers = model(**inputs, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(states[1, 16:32], layers[2][0].mean(0).detach().numpy(), atol=2e-3)
    np.testing.assert_allclose(states[1, 32:], layers[0][0].mean(0).detach().numpy(), atol=2e-3)


def test_hidden_states_do_not_depend_on_the_batch(teacher: Teacher) -> None:
    alone = np.concatenate([ask_teacher(teacher, [text], [1])[1] for text in TEXTS])
    np.testing.assert_allclose(ask_teacher(teacher, TEXTS, [1])[1], alone, atol=2e-3)


@pytest.mark.parametrize("is_fast", [False, True])
def test_a_cpu_answers_in_bf16_where_it_is_asked_to_and_computes_it(
    teacher: Teacher, is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.models.teacher.teacher.has_fast_bf16", lambda device: is_fast)
    exact, found = teacher_logits(teacher, TEXTS), ask_teacher(teacher, TEXTS, (), bf16_on_cpu=True)[0]
    np.testing.assert_array_equal(ask_teacher(teacher, TEXTS, ())[0], exact)
    assert found.dtype == np.float32
    assert np.array_equal(found, exact) != is_fast
    np.testing.assert_allclose(found, exact, atol=0.1)
    assert np.ptp(exact, axis=0).min() > 0.3


def test_a_state_that_the_teacher_lacks_is_refused(teacher: Teacher) -> None:
    with pytest.raises(
        ModelError, match="hidden_states must be pooled or 0 to 2, the layers of the teacher, but got 3"
    ):
        ask_teacher(teacher, TEXTS, [3])


def test_the_pieces_of_a_tokenizer_are_by_id(teacher: Teacher, teacher_folder: Path) -> None:
    pieces = tokenizer_pieces(teacher_folder)
    assert pieces[0] == "[PAD]"
    assert [teacher.tokenizer.convert_tokens_to_ids(piece) for piece in pieces] == list(range(len(pieces)))


def test_an_ensemble_answers_with_the_mean_of_its_members(save_teacher: Callable[..., Path], tmp_path: Path) -> None:
    folders = [save_teacher(seed=seed) for seed in (1, 2)]
    for number, folder in enumerate(folders):
        (tmp_path / f"member-{number}").symlink_to(folder)
    members = [teacher_logits(load_teacher(folder, 32), TEXTS) for folder in folders]
    ensemble = load_teacher(tmp_path, 32)
    np.testing.assert_allclose(teacher_logits(ensemble, TEXTS), (members[0] + members[1]) / 2, atol=1e-6)
    assert ensemble.n_parameters == 2 * load_teacher(folders[0], 32).n_parameters


def test_a_checkpoint_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_teacher(tmp_path / "nothing", 32)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="nothing is no folder here, and from the hub it cannot be loaded") as caught:
        check_checkpoint(str(tmp_path / "nothing"), None)
    assert "\n" not in str(caught.value)


def test_a_teacher_with_other_classes_than_the_corpus_is_refused(teacher_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"has 2 classes and the corpus 3 \(a, b, c\)"):
        load_teacher(teacher_folder, 32, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "but got none"),
        ({"checkpoint": "x", "from_scratch": {}}, "but got checkpoint, from_scratch"),
        ({"from_scratch": {}}, "epochs must be >= 1"),
        ({"checkpoint": "x", "members": 3}, "members=3 needs epochs >= 1"),
        ({"checkpoint": "x", "labels": ["a", "a"]}, "labels must name each label once, but got a, a"),
        ({"checkpoint": "x", "labels": [True, False]}, "valid string"),
        (
            {"from_scratch": {}, "epochs": 1, "labels": ["a", "b"]},
            "a teacher from scratch has those of the corpus, but got labels=a, b",
        ),
        (
            {"checkpoint": "x", "pretrain": {}, "epochs": 1, "labels": ["a", "b"]},
            "pretrain keeps no head, but got labels=a, b",
        ),
        ({"students": {}, "labels": ["a", "b"]}, r"but got labels=\('a', 'b'\)"),
        ({"logits": "x.csv", "revision": "v2"}, "revision is of a checkpoint, but got revision=v2 without one"),
        (
            {"from_scratch": {}, "epochs": 1, "train_last_layers": 5},
            "train_last_layers=5 must be at most from_scratch.layers=4",
        ),
        (
            {"from_scratch": {}, "epochs": 1, "hidden_states": ["pooled", 5]},
            "hidden_states=5 must be at most from_scratch.layers=4",
        ),
        ({"from_scratch": {"hidden_size": 30, "heads": 4}, "epochs": 1}, "multiple of heads, but got 30 and 4"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TeacherConfig.model_validate(settings)


def test_labels_that_yaml_reads_as_numbers_are_labels() -> None:
    assert TeacherConfig.model_validate({"checkpoint": "x", "labels": [10, "2"]}).labels == ("10", "2")


def test_settings_of_another_form_than_transformers_has_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "id2label": ["pos", "neg"]}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        check_checkpoint(str(tmp_path), ["neg", "pos"])


def test_the_character_vocabulary_holds_what_occurs_often_enough() -> None:
    tokenizer = character_tokenizer(["好好 ab", "好 a"], min_count=2, max_length=8)
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "好", "a", "##a"}
    assert tokenizer.convert_ids_to_tokens(tokenizer("好aab")["input_ids"]) == ["[CLS]", "好", "[UNK]", "[SEP]"]


def test_a_timing_twin_has_the_shape_of_its_original(teacher: Teacher) -> None:
    twin = timing_twin(teacher.description(), TEXTS)
    assert twin.n_parameters == teacher.n_parameters
    assert teacher_size_mb(twin) == pytest.approx(4 * teacher.n_parameters / 1e6)
    assert teacher_logits(twin, TEXTS).shape == (4, 2)
