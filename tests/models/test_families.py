"""The contract of every family of teachers: what they answer is what transformers answers, alone and padded."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from distune._pairs import joined
from distune.models.errors import ModelError
from distune.models.teacher.heads import output_layer
from distune.models.teacher.on_cpu import cheap_dropout
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.teacher import Teacher, ask_teacher, load_teacher, teacher_logits
from distune.models.teacher.tokenizing import inputs_of, most_tokens, padded
from distune.models.teacher.training import _hard_loss
from tests.families import FAMILIES, N_CLASSES, POSITIONS, TEXTS, WIDTH, save_family
from tests.making.berts import edited

ASKED = ["好", *TEXTS[:6], "很" * 80]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(request.param, tmp_path_factory.mktemp("family") / request.param)


@pytest.fixture(scope="module")
def teacher(folder: Path) -> Teacher:
    return load_teacher(folder, POSITIONS, ["a", "b", "c"])


def test_each_text_has_the_logits_of_transformers_alone_and_padded(folder: Path, teacher: Teacher) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        alone = [
            model(**tokenizer(text, truncation=True, max_length=POSITIONS, return_tensors="pt")).logits[0]
            for text in ASKED
        ]
    expected = torch.stack(alone).numpy()
    assert expected.std(axis=0).min() > 0.05
    np.testing.assert_allclose(teacher_logits(teacher, ASKED), expected, atol=1e-5)
    np.testing.assert_allclose(rehearse(teacher, ASKED, ["pooled", 0, 2]), expected, atol=1e-5)


def test_a_pair_has_the_logits_of_transformers_for_its_two_texts(folder: Path, teacher: Teacher) -> None:
    pairs = [("好书", "很好"), ("差", "酒店很差"), ("好书好书", "好")]
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        asked = [tokenizer(*pair, truncation=True, max_length=POSITIONS, return_tensors="pt") for pair in pairs]
        expected = torch.stack([model(**one).logits[0] for one in asked]).numpy()
    np.testing.assert_allclose(teacher_logits(teacher, [joined(*pair) for pair in pairs]), expected, atol=1e-5)


def test_pooled_is_what_the_logits_are_a_linear_map_of_and_a_layer_is_the_mean_over_the_text(teacher: Teacher) -> None:
    logits, states = ask_teacher(teacher, ASKED, ["pooled", 1])
    (model,) = teacher.models
    found = output_layer(model)
    assert found is not None
    assert found[1].weight.shape == (N_CLASSES, WIDTH)
    mapped = found[1](torch.from_numpy(states[:, :WIDTH].astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(mapped, logits, atol=2e-2)
    inputs = padded(teacher.tokenizer, inputs_of(model, teacher.tokenizer, ASKED[:1], POSITIONS))
    with torch.inference_mode():
        layer = model(**inputs, output_hidden_states=True).hidden_states[1][0].mean(dim=0)
    np.testing.assert_allclose(states[0, WIDTH:], layer.numpy(), atol=2e-2)


def test_what_is_stored_in_16_bits_is_computed_from_float32(folder: Path, tmp_path: Path) -> None:
    stored = torch.float16 if folder.name in ("bert", "gpt2", "deberta-v3") else torch.bfloat16
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=stored)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    teacher = load_teacher(tmp_path, POSITIONS)
    assert {parameter.dtype for parameter in teacher.models[0].parameters()} == {torch.float32}
    assert teacher.description()["config"].get("dtype") in (None, "float32")
    assert any(f"is stored in {str(stored).removeprefix('torch.')}" in note for note in teacher.notes)
    model.config.pad_token_id = teacher.models[0].config.pad_token_id
    expected = teacher_logits(
        Teacher(models=(model.float().eval(),), tokenizer=teacher.tokenizer, max_length=POSITIONS), ASKED
    )
    np.testing.assert_allclose(teacher_logits(teacher, ASKED), expected, atol=1e-5)


def test_every_family_has_positions_for_as_many_tokens_as_it_was_made_for(teacher: Teacher) -> None:
    assert most_tokens(teacher.models[0]) == POSITIONS


def test_a_step_on_a_cpu_has_the_loss_and_the_gradients_of_transformers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = load_teacher(folder, POSITIONS)
    inputs = padded(teacher.tokenizer, inputs_of(teacher.models[0], teacher.tokenizer, ASKED, POSITIONS))
    monkeypatch.setattr("distune.models.teacher.on_cpu.is_better_written_out", lambda *arguments: True)
    losses, gradients = [], []
    for around in (cheap_dropout, nullcontext):
        (model,) = load_teacher(folder, POSITIONS).models
        _hide_nothing(model.train())
        with around(model):
            loss = model(**inputs, labels=torch.arange(len(ASKED)) % N_CLASSES).loss
            loss.backward()
        losses.append(loss.item())
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    for name, theirs in gradients[1].items():
        torch.testing.assert_close(gradients[0][name], theirs, atol=1e-4, rtol=1e-3)


def _hide_nothing(model: PreTrainedModel) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, 0.0)


def test_a_head_of_several_labels_answers_and_learns_as_in_transformers(folder: Path, tmp_path: Path) -> None:
    several = edited(folder, tmp_path / "x", problem_type="multi_label_classification")
    with pytest.raises(ModelError, match=r"is multi-label .* and the corpus has one label a text"):
        load_teacher(several, POSITIONS, ["a", "b", "c"], is_multi_label=False)
    teacher = load_teacher(several, POSITIONS, ["a", "b", "c"], is_multi_label=True)
    assert not any("does not say whether" in note for note in teacher.notes)
    np.testing.assert_array_equal(
        teacher_logits(teacher, ASKED), teacher_logits(load_teacher(folder, POSITIONS), ASKED)
    )
    (model,) = teacher.models
    inputs = padded(teacher.tokenizer, inputs_of(model, teacher.tokenizer, ASKED, POSITIONS))
    labels = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]] * 2, dtype=torch.int8)
    with torch.inference_mode():
        theirs = model(**inputs, labels=labels.float())
    assert _hard_loss(theirs.logits, labels).item() == pytest.approx(theirs.loss.item(), abs=1e-6)
