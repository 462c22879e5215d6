"""Whose class is column 3? Checkpoints whose columns stand in another order than the labels, taken as they are and trained on."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertForSequenceClassification

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.tokenizing import character_tokenizer
from distune.models.teacher.training import TrainingTexts, train_teacher
from distune.tuning.checks import check
from distune.tuning.cli import main
from distune.tuning.study.file import Study
from distune.tuning.teachers.columns import checkpoint_columns, head_of
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for
from distune.tuning.teachers.students import load_ensemble
from tests.conftest import prepared_study
from tests.making.berts import bert_shape
from tests.making.reviews import reviews

GOOD_SIGNS, BAD_SIGNS = "好喜满推", "差讨失退慢"
SaveGood = Callable[..., Path]


@pytest.fixture(scope="module")
def save_good(tmp_path_factory: pytest.TempPathFactory) -> SaveGood:
    """Writes a BERT that is right on nearly every review: it counts good and bad characters. `columns` are whether its first column
    is that of the good ones, `settings` go into its config.json."""
    texts = [text for text, _ in reviews(200)]
    tokenizer = character_tokenizer(texts, 1, 32)

    def save(good_first: bool, **settings: Any) -> Path:
        model = BertForSequenceClassification(bert_shape(tokenizer, num_labels=2))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "LayerNorm.weight" not in name:
                    parameter.zero_()
            direction = torch.tensor([1.0, -1.0] * 8)
            layer = model.bert.encoder.layer[0]
            for square in (layer.attention.self.value, layer.attention.output.dense, model.bert.pooler.dense):
                square.weight.copy_(torch.eye(16))
            words = model.bert.embeddings.word_embeddings.weight
            for sign, characters in ((1, GOOD_SIGNS), (-1, BAD_SIGNS)):
                for character in characters:
                    words[tokenizer.convert_tokens_to_ids(character)] = sign * direction
            model.classifier.weight.copy_(torch.stack([direction, -direction]) * (1 if good_first else -1))
        folder = tmp_path_factory.mktemp("good")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        config = {name: value for name, value in config.items() if name not in ("id2label", "label2id")} | settings
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return save


@pytest.fixture
def named(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The study over labels with names, whose dev has 43 texts."""
    with (tmp_path / "named.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((text, "pos" if label == "1" else "neg") for text, label in reviews(200))
    document["corpus"] |= {"source": str(tmp_path / "named.csv")}
    return document


def accuracy(document: dict[str, Any]) -> float:
    return prepared_study(document).teacher_score


POS_NEG = {"id2label": {"0": "pos", "1": "neg"}}


@pytest.mark.parametrize(
    ("good_first", "settings", "sentence"),
    [
        (True, POS_NEG, None),
        (False, {"id2label": {"0": "neg", "1": "pos"}}, None),
        (True, {"label2id": {"pos": 0, "neg": 1}}, None),
        (
            True,
            {"id2label": {"0": "POS", "1": "NEG"}},
            "its columns are matched by name: 'NEG' is 'neg', 'POS' is 'pos'",
        ),
        (False, {}, "its columns have no names; taken in the order of the labels: neg, pos"),
        (
            False,
            {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}},
            "have no names; taken in the order of the labels: neg, pos",
        ),
    ],
)
def test_the_columns_of_a_checkpoint_are_the_labels_that_they_are_named(
    named: dict[str, Any],
    save_good: SaveGood,
    good_first: bool,
    settings: dict[str, Any],
    sentence: str | None,
    said: list[str],
) -> None:
    named["teacher"] = {"checkpoint": str(save_good(good_first, **settings)), "max_length": 32}
    assert accuracy(named) >= 0.9
    for lines in (said, check(Study(named)).split("\n")):
        found = [line for line in lines if line.startswith("  teacher: its columns")]
        assert len(found) == (sentence is not None)
        assert all(str(sentence) in line for line in found)


def test_check_and_cache_print_the_order_that_was_assumed(
    named: dict[str, Any], save_good: SaveGood, write_study: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    named["teacher"] = {"checkpoint": str(save_good(False)), "max_length": 32}
    sentence = "teacher: its columns have no names; taken in the order of the labels: neg, pos"
    study = write_study(named)
    for command in ("check", "cache"):
        with pytest.raises(SystemExit, match="0"):
            main([command, str(study)])
        assert sentence in [line.strip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"id2label": {"0": "positive", "1": "neg"}},
            "its columns are named positive, neg, but the labels of the corpus are neg, pos",
        ),
        (
            {"id2label": {"0": "spam", "1": "ham"}},
            "named spam, ham, but the labels of the corpus are neg, pos: none of them",
        ),
        ({**POS_NEG, "label2id": {"pos": 1, "neg": 0}}, "config.json contradicts itself"),
        ({"id2label": {"0": "neg", "2": "pos"}}, "must name the columns 0 to 1, but names 0, 2"),
    ],
)
def test_names_that_do_not_match_are_refused_unless_the_study_says_the_order(
    named: dict[str, Any], save_good: SaveGood, settings: dict[str, Any], message: str
) -> None:
    named["teacher"] = {"checkpoint": str(save_good(True, **settings)), "max_length": 32}
    with pytest.raises(CorpusError, match=message) as caught:
        check(Study(named))
    assert "\n" not in str(caught.value)
    named["teacher"]["labels"] = ["pos", "neg"]
    assert accuracy(named) >= 0.9
    named["teacher"]["labels"] = ["pos", "good"]
    with pytest.raises(
        CorpusError, match=r"teacher\.labels must hold each label of the corpus once \(neg, pos\), but got pos, good"
    ):
        check(Study(named))


def test_columns_in_another_order_are_refused_before_the_corpus_is_asked(
    named: dict[str, Any], save_good: SaveGood
) -> None:
    named["teacher"] = {"checkpoint": str(save_good(True)), "max_length": 32}
    study = Study(named)
    with pytest.raises(
        CorpusError, match=r"^teacher: its columns are in another order .* set teacher\.labels: \[pos, neg\]$"
    ):
        prepared_study(study)
    (place,) = locate(study.config, load_corpus(study.config.corpus))
    assert not place.key.folder(place.cache_root).exists()
    named["teacher"]["labels"] = ["pos", "neg"]
    assert accuracy(named) >= 0.9
    named["teacher"]["labels"] = ["neg", "pos"]
    with pytest.raises(CorpusError, match=r"taken as neg, pos it is right on 0 of 43 .* taken as pos, neg it would be"):
        prepared_study(named)


def test_members_of_an_ensemble_are_ordered_each_by_its_own_names(
    named: dict[str, Any], save_good: SaveGood, tmp_path: Path
) -> None:
    for number, (good_first, names) in enumerate([(True, ["pos", "neg"]), (False, ["neg", "pos"])]):
        folder = save_good(good_first, id2label=dict(enumerate(names)))
        shutil.copytree(folder, tmp_path / "both" / f"member-{number}")
    named["teacher"] = {"checkpoint": str(tmp_path / "both"), "max_length": 32}
    assert [one.order for one in checkpoint_columns(str(tmp_path / "both"), None, ["neg", "pos"])] == [(1, 0), (0, 1)]
    assert accuracy(named) >= 0.9


def test_check_holds_a_file_and_a_cache_against_dev(named: dict[str, Any], write_logits: Any) -> None:
    corpus = load_corpus(Study(named).config.corpus)
    by_text = {text: int(label) for text, label in reviews(200)}
    right = np.array([[1.0 - by_text[text], float(by_text[text])] for text in corpus.texts()])
    named["teacher"] = {"logits": str(write_logits(corpus.texts(), right, "text,logit_0,logit_1"))}
    said = check(Study(named)).split("\n")
    assert "  teacher: its columns 0, 1 have no names; taken in the order of the labels: neg, pos" in said
    named["teacher"] = {"logits": str(write_logits(corpus.texts(), right[:, ::-1], "text,logit_0,logit_1"))}
    with pytest.raises(
        CorpusError, match=r"logits.csv: its columns are in another order .* set teacher\.labels: \[pos, neg\]"
    ):
        check(Study(named))
    named["teacher"]["labels"] = ["pos", "neg"]
    assert accuracy(named) == 1.0
    named["teacher"] = {"logits": str(write_logits(corpus.texts(), right[:, ::-1], "text,logit_neg,logit_pos"))}
    with pytest.raises(CorpusError, match="its columns are in another order"):
        check(Study(named))


def test_more_teachers_are_named_as_the_study_names_them(named: dict[str, Any], save_good: SaveGood) -> None:
    named["teacher"] = {"checkpoint": str(save_good(False)), "max_length": 32}
    named["more_teachers"] = [{"checkpoint": str(save_good(True, hidden_dropout_prob=0.2)), "max_length": 32}]
    with pytest.raises(CorpusError, match=r"^more_teachers\.0: its columns are in another order"):
        prepared_study(named)


def test_students_that_are_a_teacher_answer_by_the_names_of_their_labels(named: dict[str, Any]) -> None:
    named["teacher"] = {"students": {"trials": 1, "members": 1}}
    study = Study(named)
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    logits_for(study.config, corpus, places)
    texts = corpus.dev.texts[:5]
    found = load_ensemble(places[0].trained, ("neg", "pos"))(texts).logits
    np.testing.assert_array_equal(load_ensemble(places[0].trained, ("pos", "neg"))(texts).logits, found[:, ::-1])
    with pytest.raises(CorpusError, match="its columns are named neg, pos, but the labels of the corpus are good, bad"):
        load_ensemble(places[0].trained, ("good", "bad"))
    named["teacher"]["labels"] = ["pos", "neg"]
    with pytest.raises(ValueError, match=r"leave out what is of a BERT .* but got labels=\('pos', 'neg'\)"):
        Study(named)


def test_a_head_for_the_same_labels_is_trained_on_in_its_own_order(
    named: dict[str, Any], save_good: SaveGood, said: list[str]
) -> None:
    folder = str(save_good(True, **POS_NEG))
    head = head_of(folder, None, ["neg", "pos"], None)
    assert (head.labels, head.has_other_classes) == (("pos", "neg"), False)
    assert head.assumed == f"the head of {folder} is trained on as pos, neg"
    # Next to nothing is learnt: what it knows must still be right.
    named["teacher"] = {"checkpoint": folder, "max_length": 32, "epochs": 1, "learning_rate": 1e-9}
    assert accuracy(named) >= 0.9
    assert f"  teacher: the head of {folder} is trained on as pos, neg" in said


def test_a_head_of_other_classes_is_drawn_anew_and_a_checkpoint_without_a_head_has_none(
    save_good: SaveGood, tmp_path: Path
) -> None:
    folder = save_good(True, id2label={"0": "spam", "1": "ham"})
    head = head_of(str(folder), None, ["neg", "pos"], None)
    assert (head.labels, head.has_other_classes) == (("neg", "pos"), True)
    assert head.assumed == f"the head of {folder} is of other classes; its last layer is drawn anew"
    unnamed = head_of(str(save_good(False)), None, ["neg", "pos"], None)
    assert (unnamed.labels, unnamed.has_other_classes) == (("neg", "pos"), False)
    assert unnamed.assumed.endswith("is trained on as neg, pos")
    for other in ({"architectures": ["BertModel"]}, {"architectures": None}):
        plain = head_of(str(save_good(True, **POS_NEG, **other)), None, ["neg", "pos"], None)
        assert (plain.labels, plain.has_other_classes, plain.assumed) == (("neg", "pos"), False, "")
    config = TeacherConfig.model_validate({"checkpoint": str(folder), "epochs": 1, "learning_rate": 1e-9})
    for has_other_classes in (False, True):
        texts = TrainingTexts(
            texts=["好", "差"],
            labels=np.array([1, 0]),
            dev_texts=["好"],
            dev_labels=np.array([1]),
            label_names=("neg", "pos"),
            pretraining_texts=(),
            has_other_classes=has_other_classes,
        )
        out = train_teacher(config, texts, tmp_path / str(has_other_classes))
        weight = AutoModelForSequenceClassification.from_pretrained(out).classifier.weight.abs()
        assert bool((weight > 0.9).all()) != has_other_classes
        assert float(weight.detach().std()) < 0.05


def test_a_head_of_the_other_task_is_trained_on_and_told(save_good: SaveGood) -> None:
    one = str(save_good(True, **POS_NEG, problem_type="single_label_classification"))
    each = str(save_good(True, **POS_NEG, problem_type="multi_label_classification"))
    labels = ["pos", "neg"]
    assert head_of(one, None, labels, None).assumed == ""
    assert head_of(each, None, labels, None, is_multi_label=True).assumed == ""
    assert head_of(one, None, labels, None, is_multi_label=True).assumed == (
        f"the head of {one} has learnt to pick one class, and is trained on to answer each label by itself"
    )
    assert head_of(each, None, ["neg", "pos"], None).assumed == (
        f"the head of {each} is trained on as pos, neg; the head of {each} has learnt to answer each label by itself, and is "
        "trained on to pick one class"
    )
