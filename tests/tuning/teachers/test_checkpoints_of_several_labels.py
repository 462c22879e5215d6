"""Teachers that are checkpoints, or are trained here, if texts have several labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from distune.corpora.texts import CorpusError
from distune.models.errors import ModelError
from distune.models.teacher.teacher import load_teacher, teacher_logits
from distune.models.teacher.tokenizing import character_tokenizer
from distune.tuning.checks import check
from distune.tuning.study.file import Study
from tests.conftest import prepared_study
from tests.making.berts import bert_shape
from tests.making.several_labels import LABELS, study_of, tickets, write_tickets

TEXTS = [text for text, _ in tickets()]
MULTI = "multi_label_classification"


def save_bert(folder: Path, **settings: Any) -> Path:
    """A tiny BERT with random weights and a head of the labels."""
    torch.manual_seed(0)
    tokenizer = character_tokenizer(TEXTS, 1, 16)
    shape = bert_shape(
        tokenizer,
        initializer_range=0.5,
        id2label=dict(enumerate(reversed(LABELS))),
        label2id={label: number for number, label in enumerate(reversed(LABELS))},
        **settings,
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_checkpoint_of_several_labels_answers_with_its_hidden_states(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert", problem_type=MULTI)
    document = study_of(tmp_path, {"checkpoint": str(folder), "max_length": 16, "hidden_states": ["pooled"]})
    document["trial"]["loss"]["hidden_weight"] = 0.5
    prepared = prepared_study(document)
    expected = teacher_logits(load_teacher(folder, 16), TEXTS)[:, ::-1]
    np.testing.assert_allclose(prepared.teachers.of(TEXTS), expected, atol=0.2)  # A CPU may compute in bf16.
    assert prepared.teachers.hidden_of(TEXTS).shape == (160, 16)
    told = check(Study(document))
    assert "teacher logits in the cache" in told
    assert "does not say whether" not in told


def test_check_tells_or_refuses_a_checkpoint_of_another_task(tmp_path: Path) -> None:
    unsaid = save_bert(tmp_path / "unsaid")
    assert "does not say whether it answers each label by itself" in check(
        Study(study_of(tmp_path, {"checkpoint": str(unsaid), "max_length": 16}))
    )
    one = save_bert(tmp_path / "one", problem_type="single_label_classification")
    teacher = {"checkpoint": str(one), "max_length": 16}
    with pytest.raises(ModelError, match="picks one class for each text"):
        check(Study(study_of(tmp_path, teacher)))
    assert "the head of" in check(Study(study_of(tmp_path, {**teacher, "epochs": 1})))


@pytest.mark.parametrize("start", ["checkpoint", "from_scratch"])
def test_a_teacher_is_trained_on_several_labels_and_on_its_own_data(
    start: str, tmp_path: Path, said: list[str]
) -> None:
    more = [(f"坏迟{number}", ["broken", "late"]) for number in range(8)]
    teacher: dict[str, Any] = {"epochs": 1, "max_length": 16, "learning_rate": 1e-3}
    if start == "checkpoint":
        teacher["checkpoint"] = str(save_bert(tmp_path / "bert", problem_type="single_label_classification"))
    else:
        teacher["from_scratch"] = {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}
    file = {"path": str(write_tickets(tmp_path / "more.jsonl", more)), "label": "labels", "multi_label": True}
    prepared = prepared_study(study_of(tmp_path, teacher, teacher_data={"labelled": [file]}))
    assert "teacher: training on 88 labelled texts" in said
    told = "and is trained on to answer each label by itself"
    assert any(told in line for line in said) == (start == "checkpoint")
    (place,) = prepared.teachers.places
    with place.trained.to_read() as folder:
        assert json.loads((folder / "config.json").read_text())["problem_type"] == MULTI
    (epoch,) = (line for line in said if line.startswith("teacher epoch 1/1"))
    assert "dev micro-F1 0." in epoch


def test_teacher_data_of_one_label_a_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text,label\n坏,broken\n", encoding="utf-8")
    scratch = {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}
    document = study_of(
        tmp_path,
        {"from_scratch": scratch, "epochs": 1},
        teacher_data={"labelled": [{"path": str(tmp_path / "one.csv")}]},
    )
    with pytest.raises(
        CorpusError, match=r"the corpus has several labels a text, and .*one\.csv has one: set multi_label for both"
    ) as caught:
        prepared_study(document)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_is_checked_by_the_labels_of_the_texts_that_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.tuning.teachers.examining.N_ASKED", 24)  # Of the 48 texts of dev.
    folder = save_bert(tmp_path / "bert", problem_type=MULTI)
    assert "no fault" in check(Study(study_of(tmp_path, {"checkpoint": str(folder), "max_length": 16})))
