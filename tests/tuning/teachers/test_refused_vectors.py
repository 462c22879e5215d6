"""Vectors of a teacher that it cannot give are refused in one line, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.models.errors import ModelError
from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.conftest import prepared_study


@pytest.fixture
def document(document: dict[str, Any]) -> dict[str, Any]:
    document["trial"]["vectors"] = {"kind": "teacher", "dimension": 8}
    return document


def test_teachers_without_an_encoder_are_refused(document: dict[str, Any], write_logits: Callable[..., Path]) -> None:
    texts = prepared_study(document).corpus.texts()
    logits = np.random.default_rng(0).normal(size=(len(texts), 2))
    document["teacher"] = {"logits": str(write_logits(texts, logits))}
    with pytest.raises(
        StudyError, match="but it is a file of logits; add its checkpoint to more_teachers, or name a file"
    ):
        check(Study(document))
    space = {**document["trial"], "vectors": {"kind": "random", "dimension": 4}}
    document["teacher"] = {"students": {"trials": 2, "members": 1, "trial": space}}
    with pytest.raises(StudyError, match="but it is made of students"):
        check(Study(document))


def test_students_that_are_a_teacher_do_not_start_from_a_teacher(document: dict[str, Any]) -> None:
    document["more_teachers"] = [{"students": {"trials": 2, "members": 1}}]
    with pytest.raises(
        StudyError,
        match=r"more_teachers.0.students: they learn from the labels alone .* more_teachers.0.students.trial",
    ):
        check(Study(document))


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        ({"dimension": 17}, "vectors.dimension must be <= 16, the hidden size of the teacher .*, but got dimension=17"),
        ({"layer": 3}, "vectors.layer must be 0 to 2, the layers of the teacher .*, but got layer=3"),
    ],
)
def test_what_the_encoder_does_not_have_is_refused(
    document: dict[str, Any], vectors: dict[str, Any], sentence: str
) -> None:
    document["trial"]["vectors"] |= vectors
    with pytest.raises(ModelError, match=sentence):
        check(Study(document))


@pytest.mark.parametrize(
    ("teacher", "sentence"),
    [
        ({}, r"teacher is taken as it is \(epochs: 0\); set encoder: fine_tuned"),
        ({"checkpoint": None, "from_scratch": {"hidden_size": 8, "heads": 2}, "epochs": 1}, "teacher is from scratch"),
    ],
)
def test_a_pretrained_encoder_that_is_none_is_refused(
    document: dict[str, Any], teacher: dict[str, Any], sentence: str
) -> None:
    document["teacher"] |= teacher
    document["trial"]["vectors"]["encoder"] = "pretrained"
    with pytest.raises(StudyError, match=f"trial.vectors.encoder: pretrained is .* {sentence}"):
        check(Study(document))


def test_a_teacher_from_scratch_is_held_against_its_own_shape(document: dict[str, Any]) -> None:
    document["teacher"] = {"from_scratch": {"hidden_size": 8, "heads": 2}, "epochs": 1}
    document["trial"]["vectors"]["dimension"] = 9
    with pytest.raises(ModelError, match=r"vectors.dimension must be <= 8, the hidden size of teacher from scratch"):
        check(Study(document))


def test_a_teacher_whose_tokenizer_knows_no_places_is_refused(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.is_fast", False)
    with pytest.raises(ModelError, match=r"it is no fast one \(tokenizer.json\); name another kind of vectors"):
        check(Study(document))
