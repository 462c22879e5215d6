"""`distune.load(...).answers`: labels, probabilities, and whether any token of a text is known."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import distune
from distune.models.answers import TextError
from distune.models.students.config import AverageConfig
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.folders_of_sets import LABELS, TEXTS, folder_of_sets

ROOT = Path(__file__).resolve().parents[2]
MIXED = ["好书", "", "zxq", "好好好"]
KNOWN = [True, False, False, True]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("answers") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place)


@pytest.fixture(scope="module")
def student(folder: Path) -> distune.Student:
    return distune.load(folder)


def test_blank_texts_and_texts_without_a_known_token_are_marked_in_a_list(student: distune.Student) -> None:
    answers = student.answers(MIXED)
    assert [one["has_known_token"] for one in answers] == KNOWN
    assert [one["label"] for one in answers] == student.predict(MIXED)
    probabilities = [[one["probabilities"][label] for label in student.labels] for one in answers]
    np.testing.assert_allclose(probabilities, student.predict_proba(MIXED), atol=1e-6)


def test_a_series_becomes_a_table_with_its_index(student: distune.Student) -> None:
    table = student.answers(pd.Series(MIXED, index=["a", "b", "c", "a"], name="body"))
    assert list(table.columns) == ["label", "probability_bad", "probability_good", "has_known_token"]
    assert list(table.index) == ["a", "b", "c", "a"]
    assert table["has_known_token"].dtype == bool
    assert table["has_known_token"].tolist() == KNOWN
    assert table["label"].tolist() == student.predict(MIXED)
    asked = table["label"].where(table["has_known_token"])
    assert asked.isna().tolist() == [False, True, True, False]


def test_a_series_without_rows_becomes_a_table_without_rows(student: distune.Student) -> None:
    table = student.answers(pd.Series([], dtype=object))
    assert table.shape == (0, 4)
    assert table["has_known_token"].dtype == bool


def test_a_generator_is_answered_as_it_is_read(student: distune.Student) -> None:
    endless = student.answers(text for text in itertools.cycle(MIXED))
    assert [one["has_known_token"] for one in itertools.islice(endless, 4)] == KNOWN


@pytest.mark.parametrize("texts", ["好", {"好": 1}, pd.DataFrame({"text": MIXED})], ids=lambda one: type(one).__name__)
def test_what_is_no_row_of_texts_is_refused(student: distune.Student, texts: Any) -> None:
    with pytest.raises(TypeError, match="a student answers a list"):
        student.answers(texts)


def test_a_row_that_is_no_text_is_refused_by_its_number(student: distune.Student) -> None:
    with pytest.raises(TextError, match="row 1: a text must be a string, but got None"):
        student.answers(pd.Series(["好", None], dtype=object))


def test_several_labels_are_lists_in_the_table(tmp_path: Path) -> None:
    student = distune.load(folder_of_sets(checkpoint_of(AverageConfig(kind="average"), LABELS), TEXTS, tmp_path))
    table = student.answers(pd.Series(["", *TEXTS]))
    assert table["labels"].tolist() == student.predict(["", *TEXTS])
    assert list(table.columns) == ["labels", *(f"probability_{label}" for label in LABELS), "has_known_token"]
    assert not table["has_known_token"][0]


def test_the_program_on_the_page_runs(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "my-student")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    program = re.findall(r"^```python\n(.*?)^```$", page.split("`answers` marks them")[1], re.S | re.M)[0]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[True, False]"
