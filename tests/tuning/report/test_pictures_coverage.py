"""The picture of accuracy against coverage, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distune.models.decision import Decision
from distune.tuning.report.pictures_calibration import calibration_picture
from distune.tuning.report.pictures_coverage import coverage_picture
from tests.making.answers import ANSWERS
from tests.making.findings_of_sets import ANSWERS_OF_SETS


def test_each_point_is_the_accuracy_on_the_texts_of_which_a_model_is_most_confident() -> None:
    teacher, student = coverage_picture(ANSWERS).data
    assert list(student.x) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    # The student is sure by .95 .9 .8 .7 .6: wrong, right, wrong, right, right.
    assert list(student.y) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2, 3 / 5])
    # The teacher is sure by .9 .9 .8 .8 .7: right, right, one of two right in either order, wrong.
    assert list(teacher.y) == pytest.approx([1, 1, 2.5 / 3, 3 / 4, 3 / 5])
    assert student.name == f"student, area under risk {(1 + 1 / 2 + 2 / 3 + 1 / 2 + 2 / 5) / 5:.4f}"
    assert teacher.name == f"teacher, area under risk {(1 / 6 + 1 / 4 + 2 / 5) / 5:.4f}"
    assert "1 text, 20.0 %" in student.hovertext[0]
    assert "accuracy 0.0000, sure by 0.9500 or more" in student.hovertext[0]


def test_of_several_labels_it_is_exact_match() -> None:
    picture = coverage_picture(ANSWERS_OF_SETS)
    assert picture.layout.yaxis.title.text == "exact match of the answers"
    assert list(picture.data[1].y) == [0, 0, 0, 0]


def test_calibration_shows_the_student_before_its_temperature_if_it_has_one() -> None:
    names = [one.name for one in calibration_picture(replace(ANSWERS, by_student=Decision(temperature=2.0))).data]
    (before,) = [name for name in names if name and name.startswith("student before scaling")]
    # As counted in the test of calibration.
    assert before == f"student before scaling, calibration error {(0.4 + 0.3 + 0.8 + 2 * 0.425) / 5:.3f}"
    assert not any("before" in (one.name or "") for one in calibration_picture(ANSWERS).data)
