from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distune.corpora.places import Place
from distune.models.logits import probabilities
from distune.tuning.champion.answers import (
    Answers,
    both_wrong,
    counts_of,
    disagreements,
    read_answers,
    reliability,
)
from distune.tuning.champion.answers import write_answers as write


def logits(*of_good: float) -> np.ndarray:
    """Logits of two classes, by the probability of the second."""
    second = np.array(of_good)
    return np.log(np.stack([1 - second, second], axis=1)).astype(np.float32)


ANSWERS = Answers(
    trial=3,
    names=("差", "好"),
    texts=("一", "二", "三", "四", "五"),
    labels=np.array([1, 0, 1, 0, 0]),
    teacher=logits(0.9, 0.8, 0.9, 0.2, 0.7),
    student=logits(0.6, 0.3, 0.2, 0.1, 0.95),
)


def test_answers_come_back_from_their_file(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "answers.parquet"))
    write(ANSWERS, place)
    found = read_answers(place)
    assert (found.trial, found.names, found.texts) == (3, ANSWERS.names, ANSWERS.texts)
    for name in ("labels", "teacher", "student"):
        np.testing.assert_array_equal(getattr(found, name), getattr(ANSWERS, name))


def test_probabilities_are_those_of_the_softmax_even_of_large_logits() -> None:
    np.testing.assert_allclose(
        probabilities(np.array([[0, np.log(3)], [1e4, 1e4]], np.float32)), [[0.25, 0.75], [0.5, 0.5]]
    )


def test_calibration_is_counted_by_hand() -> None:
    found = reliability(ANSWERS.student, ANSWERS.labels)
    # Sure by .6 .7 .8 .9 .95, and right, right, wrong, right, wrong: the last two are in one bin.
    assert found.counts.tolist() == [1, 1, 1, 2]
    assert found.confidence == pytest.approx([0.6, 0.7, 0.8, 0.925])
    assert found.accuracy.tolist() == [1, 1, 0, 0.5]
    assert found.error == pytest.approx((0.4 + 0.3 + 0.8 + 2 * 0.425) / 5)


def test_whoever_is_always_sure_and_always_right_is_calibrated() -> None:
    found = reliability(np.array([[50, -50], [-50, 50]], np.float32), np.array([0, 1]))
    assert (found.counts.tolist(), found.error) == ([2], pytest.approx(0))


def test_disagreements_come_with_the_widest_first_and_are_of_the_answer() -> None:
    found = disagreements(ANSWERS, 9)
    # 三 .9 against .2, 二 .8 against .3; the others are answered alike, however far apart.
    assert [case.text for case in found] == ["三", "二"]
    assert (found[0].label, found[0].teacher, found[0].student) == ("好", "好", "差")
    assert (found[0].teacher_probability, found[0].student_probability) == pytest.approx((0.9, 0.8))
    assert [case.text for case in disagreements(ANSWERS, 1)] == ["三"]


def test_what_both_get_wrong_comes_by_the_less_sure_of_the_two() -> None:
    both = Answers(
        trial=0,
        names=("a", "b"),
        texts=("x", "y", "z"),
        labels=np.array([0, 0, 1]),
        teacher=logits(0.9, 0.8, 0.9),
        student=logits(0.6, 0.7, 0.9),
    )
    assert [case.text for case in both_wrong(both, 9)] == ["y", "x"]  # min .7 before min .6; z is right
    assert [case.text for case in both_wrong(ANSWERS, 9)] == ["五"]


def test_confusions_are_counted_by_label_and_answer() -> None:
    assert counts_of(ANSWERS, ANSWERS.of_student).tolist() == [[2, 1], [1, 1]]
    assert counts_of(ANSWERS, ANSWERS.of_teacher).tolist() == [[1, 2], [0, 2]]
