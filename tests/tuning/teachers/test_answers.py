"""A teacher that is a file of answers: the texts that it leaves out, and what a study says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.locating import locate
from tests.conftest import prepared_study

Answer = Callable[[str, str], dict[str, Any] | None]


def right(text: str, label: str) -> dict[str, Any]:
    return {"votes": [label, label, label]}


@pytest.fixture
def answered(document: dict[str, Any], tmp_path: Path) -> Callable[[Answer], dict[str, Any]]:
    """Makes the study of a teacher whose answers a function gives, from each text and its label."""
    plain = {**document["corpus"], "labelled": None}
    corpus = load_corpus(Study({**document, "corpus": plain}).config.corpus)
    rows = [
        (text, corpus.labels[label])
        for split in corpus.splits.values()
        for text, label in zip(split.texts, split.labels, strict=True)
    ]

    def make(answer: Answer) -> dict[str, Any]:
        path = tmp_path / "votes.jsonl"
        found = [{"text": text, **said} for text, label in rows if (said := answer(text, label)) is not None]
        path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
        return {**document, "teacher": {"answers": str(path)}}

    return make


def dev_texts(document: dict[str, Any]) -> tuple[str, ...]:
    return load_corpus(Study(document).config.corpus).dev.texts


def test_votes_are_the_logits_of_a_study(answered: Any) -> None:
    prepared = prepared_study(answered(right))
    labels = prepared.corpus.dev.labels
    logits = prepared.teachers.of(prepared.corpus.dev.texts)
    # 3.5 / 4 for the label, 0.5 / 4 for the other one
    np.testing.assert_allclose(np.exp(logits[np.arange(len(labels)), labels]), 0.875, rtol=1e-5)
    assert prepared.teacher_score == 1
    assert prepared.teachers.about["description"] == "a file of answers to 200 texts: 200 with votes"


def test_texts_on_which_it_abstains_are_left_out_and_counted(answered: Any, document: dict[str, Any]) -> None:
    first, second, *_ = dev_texts(document)
    study = Study(answered(lambda text, label: {"votes": []} if text in (first, second) else right(text, label)))
    corpus = answered_corpus(study.config)
    assert {first, second}.isdisjoint(corpus.texts())
    assert corpus.fingerprint != load_corpus(study.config.corpus).fingerprint
    line = "votes.jsonl: 2 texts have no answer and are left out of the study (2 of 43 dev; 2 abstentions); what is measured on dev and test"
    told = check(study)
    assert line in told
    assert "no fault; 20 train" in told
    assert "41 dev" in told


def test_answers_in_several_files_are_those_of_one(answered: Any, tmp_path: Path) -> None:
    document = answered(right)
    one = locate(Study(document).config, answered_corpus(Study(document).config))[0].key
    lines = (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "part-1.jsonl").write_text("".join(lines[:150]), encoding="utf-8")
    (parts / "part-2.jsonl").write_text("".join(lines[150:]), encoding="utf-8")
    names = [str(parts / "part-2.jsonl"), str(parts / "part-1.jsonl")]
    for given in (str(parts), f"{parts}/part-*.jsonl", names, {"path": names}):
        config = Study({**document, "teacher": {"answers": given}}).config
        assert locate(config, answered_corpus(config))[0].key == one
    told = check(Study({**document, "teacher": {"answers": str(parts)}}))
    assert f"{parts}: 2 files, 200 rows of JSON lines ({parts}/part-1.jsonl to {parts}/part-2.jsonl)" in told


@pytest.mark.parametrize("given", [[], 3, "", {"path": ["votes.jsonl", 3]}], ids=str)
def test_what_names_no_files_of_answers_is_refused_in_one_line(document: dict[str, Any], given: Any) -> None:
    with pytest.raises(StudyError, match=r"teacher.answers") as caught:
        _ = Study({**document, "teacher": {"answers": given}}).config
    assert "\n" not in str(caught.value)


def test_texts_that_the_file_lacks_are_refused_or_left_out(answered: Any, document: dict[str, Any]) -> None:
    first = dev_texts(document)[0]
    lacking = answered(lambda text, label: None if text == first else right(text, label))
    with pytest.raises(
        CorpusError, match=r"lacks 1 of 200 texts of the corpus \(1 of 43 dev\): '.*`distune prompt STUDY`"
    ):
        answered_corpus(Study(lacking).config)
    path = lacking["teacher"]["answers"]
    lacking["teacher"] = {"answers": {"path": path, "unanswered": "leave_out"}}
    assert first not in answered_corpus(Study(lacking).config).dev.texts


def test_a_file_of_other_texts_is_refused(answered: Any) -> None:
    other = answered(right)
    Path(other["teacher"]["answers"]).write_text('{"text": "another", "label": "1"}\n', encoding="utf-8")
    other["teacher"] = {"answers": {"path": other["teacher"]["answers"], "unanswered": "leave_out"}}
    with pytest.raises(CorpusError, match="has an answer to none of the 200 texts of the corpus"):
        answered_corpus(Study(other).config)


def test_a_split_without_any_answer_is_refused(answered: Any, document: dict[str, Any]) -> None:
    dev = dev_texts(document)
    silent = answered(lambda text, label: {"label": None} if text in dev else right(text, label))
    with pytest.raises(CorpusError, match=r"the dev split is empty: .*43 texts have no answer"):
        answered_corpus(Study(silent).config)


def test_labels_by_each_others_names_are_refused(answered: Any) -> None:
    swapped = Study(answered(lambda text, label: {"label": {"0": "1", "1": "0"}[label]}))
    with pytest.raises(CorpusError, match="its answers call the labels by each other's names"):
        locate(swapped.config, answered_corpus(swapped.config))


def test_an_unknown_label_of_a_further_teacher_names_its_setting(answered: Any, document: dict[str, Any]) -> None:
    more = answered(lambda text, label: {"label": "2"})
    more = {**document, "more_teachers": [more["teacher"]]}
    with pytest.raises(
        CorpusError, match=r"line 1: the answer '2' is no label.* set more_teachers.0.answers.abstentions: \[2\]"
    ):
        answered_corpus(Study(more).config)


def test_where_mse_would_fit_the_logits_of_votes_it_is_told(answered: Any) -> None:
    document = answered(right)
    line = "the logits of votes, from -2.08 to -0.13, are those of few votes"
    assert line in check(Study(document))
    document["trial"]["loss"]["teacher_term"] = {"kind": "kl"}
    assert line not in check(Study(document))


def test_the_rule_is_part_of_the_identity_and_the_path_is_not(answered: Any, tmp_path: Path) -> None:
    def key(**settings: Any) -> str:
        study = Study({**document, "teacher": {"answers": {"path": path, **settings}}})
        return locate(study.config, answered_corpus(study.config))[0].key.teacher

    document = answered(right)
    path = document["teacher"]["answers"]
    first = key()
    assert key(prior_strength=0.5) != first
    assert key(abstentions=["unknown"]) == first  # No answer is called so.
    path = str(Path(path).rename(tmp_path / "renamed.jsonl"))
    assert key() == first


@pytest.mark.parametrize(
    ("teacher", "fault"),
    [
        ({"answers": "votes.jsonl", "epochs": 3}, "a teacher of answers is a file that names labels.*epochs=3"),
        ({"answers": "votes.jsonl", "labels": ["a", "b"]}, "leave out what is of a BERT, but got labels="),
        ({"answers": "votes.jsonl", "logits": "logits.csv"}, "has one of checkpoint.*but got logits, answers"),
        ({"answers": {"path": "votes.jsonl", "prior_strength": 0}}, "prior_strength"),
        ({"answers": {"path": ""}}, "path"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    document: dict[str, Any], teacher: dict[str, Any], fault: str
) -> None:
    with pytest.raises(StudyError, match=fault):
        Study({**document, "teacher": teacher})


def test_without_a_label_in_train_students_learn_the_likeliest_of_each_answer(
    answered: Any, document: dict[str, Any]
) -> None:
    document["corpus"]["labelled"] = 0
    tied, *_ = load_corpus(Study(document).config.corpus).transfer.texts
    study = Study(answered(lambda text, label: {"votes": ["0", "1"]} if text == tied else {"votes": [label]}))
    corpus = answered_corpus(study.config)
    assert corpus.labelled_by == study.config.teacher.answers.path  # type: ignore[union-attr]
    assert (len(corpus.train), corpus.transfer.texts) == (112 - 1, (tied,))
    assert "train has no labels of its own: 111 texts have the likeliest label of" in check(study)
    plain = load_corpus(Study({**document, "corpus": {**document["corpus"], "labelled": None}}).config.corpus)
    assert (
        dict(zip(corpus.train.texts, corpus.train.labels, strict=True)).items()
        <= dict(zip(plain.train.texts, plain.train.labels, strict=True)).items()
    )


def test_without_a_label_in_train_another_teacher_is_refused(document: dict[str, Any]) -> None:
    document["corpus"]["labelled"] = 0
    with pytest.raises(
        CorpusError, match=r"corpus.labelled: 0 leaves students without a label, which only a study with teacher"
    ):
        answered_corpus(Study(document).config)


def test_dev_and_test_may_take_all_of_the_source_where_train_needs_no_label(document: dict[str, Any]) -> None:
    document["corpus"] |= {"labelled": 0, "dev_fraction": 0.5, "test_fraction": 0.5}
    corpus = load_corpus(Study(document).config.corpus)
    assert (len(corpus.train), len(corpus.transfer), len(corpus.dev) + len(corpus.test)) == (0, 0, 200)
    document["corpus"]["labelled"] = None
    with pytest.raises(StudyError, match="dev_fraction"):
        Study(document)


def test_check_says_how_exactly_dev_and_test_tell_an_accuracy(answered: Any) -> None:
    # Wilson's interval of n right of n begins at n / (n + 1.96²).
    line = (
        "the teacher's dev accuracy of 1.000 has the 95 % interval 0.918 to 1.000 on the 43 labelled texts of dev, and 0.921 to "
        "1.000 on the 45 labelled texts of test"
    )
    assert line in check(Study(answered(right)))
