from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from distune.corpora.kept import DamagedError
from distune.corpora.places import Place
from distune.models.logits import probabilities
from distune.tuning.champion.answers import Answers, read_answers, read_texts
from distune.tuning.champion.answers import write_answers as write
from tests.making.answers import ANSWERS, TEXTS
from tests.making.findings_of_sets import ANSWERS_OF_SETS, NAMES, TEXTS_OF_SETS


@pytest.mark.parametrize(
    ("answers", "texts"), [(ANSWERS, TEXTS), (ANSWERS_OF_SETS, TEXTS_OF_SETS)], ids=["one label", "several labels"]
)
def test_answers_come_back_from_their_file(tmp_path: Path, answers: Answers, texts: tuple[str, ...]) -> None:
    place = Place(str(tmp_path / "answers.parquet"))
    write(answers, texts, place)
    found = read_answers(place)
    assert read_texts(place) == texts
    assert (found.trial, found.names) == (answers.trial, answers.names)
    assert (found.by_teacher, found.by_student) == (answers.by_teacher, answers.by_student)
    for name in ("labels", "teacher", "student", "of_teacher", "of_student"):
        np.testing.assert_array_equal(getattr(found, name), getattr(answers, name))
    assert found.labels.dtype == answers.labels.dtype


def test_several_labels_are_lists_in_the_file_beside_those_that_nobody_knows(tmp_path: Path) -> None:
    write(ANSWERS_OF_SETS, TEXTS_OF_SETS, Place(str(tmp_path / "answers.parquet")))
    table = pyarrow.parquet.read_table(tmp_path / "answers.parquet")
    assert table["labels"].to_pylist() == [["late", NAMES[2]], [], ["late"], ["broken"]]
    assert table["unknown_labels"].to_pylist() == [[], [], ["broken"], []]


def test_answers_of_several_labels_without_their_thresholds_are_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.parquet"
    write(ANSWERS_OF_SETS, TEXTS_OF_SETS, Place(str(file)))
    table = pyarrow.parquet.read_table(file)
    about = table.schema.metadata[b"distune"].replace(b'"late": 0.5, ', b"")
    pyarrow.parquet.write_table(table.replace_schema_metadata({b"distune": about}), file)
    with pytest.raises(DamagedError, match="each of the 3 labels, but 'late' has none"):
        read_answers(Place(str(file)))


def test_texts_that_are_no_texts_are_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.parquet"
    write(ANSWERS, TEXTS, Place(str(file)))
    table = pyarrow.parquet.read_table(file)
    pyarrow.parquet.write_table(table.set_column(0, "text", [[1, 2, 3, 4, 5]]), file)
    with pytest.raises(DamagedError, match="its texts are no texts"):
        read_texts(Place(str(file)))


def test_probabilities_are_those_of_the_softmax_even_of_large_logits() -> None:
    np.testing.assert_allclose(
        probabilities(np.array([[0, np.log(3)], [1e4, 1e4]], np.float32)), [[0.25, 0.75], [0.5, 0.5]]
    )
