"""A student from `distune.load`: it answers lists, Series and generators, and refuses what is no row of texts."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import distune
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student

TEXTS = ["好书", "差酒店", "好好好"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("door") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place)


@pytest.fixture(scope="module")
def student(folder: Path) -> distune.Student:
    return distune.load(folder)


def test_a_student_answers_a_list_by_labels_and_probabilities(student: distune.Student) -> None:
    labels, probabilities = student.predict(TEXTS), student.predict_proba(TEXTS)
    assert student.labels == ("bad", "good")
    assert probabilities.shape == (3, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert labels == [("bad", "good")[column] for column in probabilities.argmax(axis=1)]


def test_a_series_keeps_its_index(student: distune.Student) -> None:
    series = pd.Series(TEXTS, index=["a", "b", "a"])
    labels, probabilities = student.predict(series), student.predict_proba(series)
    assert labels.index.tolist() == probabilities.index.tolist() == ["a", "b", "a"]
    assert labels.tolist() == student.predict(TEXTS)
    assert probabilities.columns.tolist() == ["bad", "good"]


def test_a_generator_is_answered_as_it_is_read(student: distune.Student) -> None:
    read: list[str] = []

    def texts() -> Any:
        for text in TEXTS * 700:
            read.append(text)
            yield text

    answers = student.predict(texts())
    assert next(answers) == student.predict(TEXTS)[0]
    assert len(read) == 1024
    assert [next(answers), next(answers)] == student.predict(TEXTS)[1:]
    rows = list(student.predict_proba(iter(TEXTS)))
    np.testing.assert_allclose(rows, student.predict_proba(TEXTS), atol=1e-6)


def test_no_texts_are_no_answers(student: distune.Student) -> None:
    assert student.predict([]) == []
    assert student.predict_proba([]).shape == (0, 2)
    assert list(student.predict(iter([]))) == []


@pytest.mark.parametrize("missing", [None, float("nan"), 3])
def test_the_first_row_that_is_no_text_is_named(student: distune.Student, missing: Any) -> None:
    expected = rf"row 1: a text must be a string, but got {missing}"
    for texts in (["好", missing, None], pd.Series(["好", missing], index=["x", "y"], dtype=object)):
        with pytest.raises(distune.TextError, match=expected):
            student.predict(texts)  # type: ignore[arg-type]
    with pytest.raises(distune.TextError, match=expected):
        student.predict_proba(["好", missing])


def test_a_row_of_a_generator_is_counted_from_its_beginning(student: distune.Student) -> None:
    texts = ["好"] * 1030 + [None]
    with pytest.raises(distune.TextError, match="row 1030: a text must be a string, but got None"):
        list(student.predict(iter(texts)))  # type: ignore[arg-type]


def test_one_text_is_not_a_list_of_its_characters(student: distune.Student) -> None:
    with pytest.raises(TypeError, match=r"answers a list of texts, but got one: \['好书'\] asks for one text"):
        student.predict("好书")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (pd.DataFrame({"body": TEXTS}), "DataFrame"),
        ({"好": 1}, "dict"),
        ({"好", "差"}, "set"),
        (frozenset("好"), "frozenset"),
        (np.array([["好", "差"]]), "ndarray"),
        (np.array("好"), "ndarray"),
        (None, "NoneType"),
        (3, "int"),
    ],
)
def test_what_is_no_row_of_texts_is_refused(student: distune.Student, texts: Any, kind: str) -> None:
    for answer in (student.predict, student.predict_proba):
        with pytest.raises(
            TypeError, match=rf"a list, a Series or a generator of texts, but got a {kind}: pass one column"
        ):
            answer(texts)


def test_a_tuple_an_array_and_the_values_of_a_dict_are_answered_as_a_list_is(student: distune.Student) -> None:
    expected = student.predict(TEXTS)
    for texts in (tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, dtype=object), dict(enumerate(TEXTS)).values()):
        assert student.predict(texts) == expected


def test_a_student_is_not_pickled_and_says_what_to_do(student: distune.Student) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled, .*: pass the folder on, and distune.load it there"):
        pickle.dumps(student)


@pytest.mark.parametrize("threads", ["2", 1.5, None, True, 0, -1, 10**9])
def test_a_number_of_threads_that_cannot_be_is_refused(folder: Path, threads: Any) -> None:
    expected = re.escape(f"threads must be a whole number from 1 to 1024, but got {threads!r}")
    for make in (distune.load, distune.Student):
        with pytest.raises(distune.CheckpointError, match=expected):
            make(folder, threads=threads)
