from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from distune.models.decision import even
from distune.tuning.tracking.pyfunc_model import StudentModel
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StudentModel:
    place = tmp_path_factory.mktemp("pyfunc") / "student"
    folder = save_student(checkpoint_of(STUDENTS[0]), place)
    found = StudentModel()
    found.load_context(SimpleNamespace(artifacts={"checkpoint": str(folder)}))
    return found


def test_a_table_says_which_texts_the_vocabulary_knows_nothing_of(model: StudentModel) -> None:
    table = model.predict(None, pd.DataFrame({"text": ["好书", "xyz", "", "\ud83d"]}, dtype=object))
    assert list(table) == ["label", "probability_bad", "probability_good", "has_known_token"]
    assert table["has_known_token"].tolist() == [True, False, False, False]


def test_a_table_without_rows_has_the_columns_of_its_task(model: StudentModel, tmp_path: Path) -> None:
    none = pd.DataFrame({"text": []}, dtype=object)
    assert list(model.predict(None, none)) == ["label", "probability_bad", "probability_good", "has_known_token"]
    checkpoint = replace(checkpoint_of(STUDENTS[0]), decision=even(2))
    several = StudentModel()
    folder = save_student(checkpoint, tmp_path / "several")
    several.load_context(SimpleNamespace(artifacts={"checkpoint": str(folder)}))
    assert list(several.predict(None, none)) == ["labels", "probability_bad", "probability_good", "has_known_token"]


@pytest.mark.parametrize("missing", [None, float("nan"), 3])
def test_what_is_no_text_is_refused(model: StudentModel, missing: object) -> None:
    with pytest.raises(ValueError, match=f"row 1: a text must be a string, but got {missing}"):
        model.predict(None, pd.DataFrame({"text": ["好书", missing]}, dtype=object))


def test_answers_stand_under_the_index_of_their_texts(model: StudentModel) -> None:
    table = pd.DataFrame({"text": ["好书", "差", "好"]}, index=[7, 3, 5])
    joined = table.iloc[1:].join(model.predict(None, table.iloc[1:]))
    assert joined.index.tolist() == [3, 5]
    alone = [model.predict(None, pd.DataFrame({"text": [text]}))["label"][0] for text in ("差", "好")]
    assert joined["label"].tolist() == alone
