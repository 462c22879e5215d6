"""A class of a checkpoint's own is never taken for the class of transformers that has its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.own_code import is_known
from distune.models.teacher.teacher import check_checkpoint, load_teacher
from distune.models.teacher.training import check_start

MEAN = {"AutoModelForSequenceClassification": "modeling_mp.MeanBertForSequenceClassification"}
STOCK = {"AutoModelForSequenceClassification": "someone/repo--modeling_bert.BertForSequenceClassification"}
BY_CODE = r"is made by code of its own \(modeling_mp.MeanBertForSequenceClassification, auto_map in its config.json\)"
INSTEAD = "ask it elsewhere and name its logits by teacher.logits, or save it with a class of transformers"


def edited(teacher_folder: Path, folder: Path, name: str, **changes: Any) -> Path:
    shutil.copytree(teacher_folder, folder)
    settings = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**settings, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auto_map": MEAN, "architectures": ["MeanBertForSequenceClassification"]}, f"{BY_CODE}.*{INSTEAD}$"),
        (
            {"auto_map": MEAN},
            f"{BY_CODE}.*{INSTEAD}; if BertForSequenceClassification of transformers is what it is, remove auto_map",
        ),
        ({"auto_map": {"AutoConfig": "own.MyConfig"}}, r"code of its own \(own.MyConfig"),
        ({"auto_map": {"AutoModel": "own.MyModel"}, "architectures": None}, r"code of its own \(own.MyModel"),
        (
            {"architectures": ["MeanBertForSequenceClassification"]},
            rf"is a MeanBertForSequenceClassification \(architectures in its config.json\), a class that transformers .* does not have.*{INSTEAD}",
        ),
    ],
)
def test_a_classifier_of_another_class_is_refused_by_its_name(
    changes: dict[str, Any], message: str, teacher_folder: Path, tmp_path: Path
) -> None:
    folder = edited(teacher_folder, tmp_path / "x", "config.json", **changes)
    for load in (lambda: load_teacher(folder, 32), lambda: check_checkpoint(str(folder), ["0", "1"])):
        with pytest.raises(ModelError, match=message) as caught:
            load()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": STOCK},
        {"auto_map": {"AutoModel": "own.MyModel", "AutoModelForMaskedLM": "own.MyMasked", "AutoTokenizer": None}},
        {"architectures": ["TFBertForSequenceClassification"]},
        {"architectures": None},
    ],
)
def test_a_class_that_transformers_has_is_taken(changes: dict[str, Any], teacher_folder: Path, tmp_path: Path) -> None:
    folder = edited(teacher_folder, tmp_path / "x", "config.json", **changes)
    assert load_teacher(folder, 32).n_classes == 2


def test_the_class_that_is_taken_is_told_where_another_one_is_named(teacher_folder: Path, tmp_path: Path) -> None:
    folder = edited(teacher_folder, tmp_path / "x", "config.json", auto_map=STOCK)
    assert load_teacher(folder, 32).notes == (
        f"the teacher {folder} names code of its own (someone/repo--modeling_bert.BertForSequenceClassification); the "
        "BertForSequenceClassification of transformers is taken",
    )
    kin = edited(teacher_folder, tmp_path / "y", "config.json", architectures=["ErnieForSequenceClassification"])
    assert load_teacher(kin, 32).notes == (
        f"the teacher {kin} says that it is a ErnieForSequenceClassification; by its model_type it is taken as a "
        "BertForSequenceClassification",
    )
    other = {"AutoModelForSequenceClassification": "x.RobertaForSequenceClassification"}
    with pytest.raises(
        ModelError, match=r"names x.RobertaForSequenceClassification, but its model_type bert is that of"
    ):
        load_teacher(edited(teacher_folder, tmp_path / "z", "config.json", auto_map=other), 32)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"auto_map": {"AutoTokenizer": ["tokenization_x.OwnTokenizer", None]}}, "tokenization_x.OwnTokenizer"),
        ({"auto_map": ["tokenization_x.OwnTokenizer", None]}, "tokenization_x.OwnTokenizer"),
        ({"auto_map": {"AutoTokenizer": "x.OwnTokenizer"}, "tokenizer_class": "OwnTokenizer"}, "x.OwnTokenizer"),
        ({"tokenizer_class": "OwnTokenizer"}, "OwnTokenizer"),
    ],
)
def test_a_tokenizer_of_another_class_is_refused_by_its_name(
    changes: dict[str, Any], name: str, teacher_folder: Path, tmp_path: Path
) -> None:
    folder = edited(teacher_folder, tmp_path / "x", "tokenizer_config.json", **changes)
    with pytest.raises(ModelError, match=rf"the tokenizer of .* is a {name} \(tokenizer_config.json\)") as caught:
        load_teacher(folder, 32)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_transformers_has_is_taken(teacher_folder: Path, tmp_path: Path) -> None:
    auto_map = {"AutoTokenizer": ["x.BertTokenizer", "x.BertTokenizerFast"]}
    load_teacher(edited(teacher_folder, tmp_path / "x", "tokenizer_config.json", auto_map=auto_map), 32)
    assert is_known("XLMRobertaTokenizerFast")
    assert is_known("FlaxBertForSequenceClassification")
    assert not is_known("MeanBertForSequenceClassification")


def test_an_encoder_of_an_unknown_class_that_is_trained_on_is_told(teacher_folder: Path, tmp_path: Path) -> None:
    folder = edited(teacher_folder, tmp_path / "x", "config.json", architectures=["BertForCL"])
    notes = check_start(TeacherConfig(checkpoint=str(folder), epochs=1, max_length=32), ["好"], ["a", "b"])
    assert notes[0] == (
        f"{folder} was saved by a BertForCL, which transformers does not have; it is trained on as a "
        "BertForSequenceClassification"
    )
    mapped = edited(teacher_folder, tmp_path / "y", "config.json", auto_map=MEAN)
    with pytest.raises(ModelError, match=BY_CODE):
        check_start(TeacherConfig(checkpoint=str(mapped), epochs=1, max_length=32), ["好"], ["a", "b"])
