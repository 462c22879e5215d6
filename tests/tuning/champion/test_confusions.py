from __future__ import annotations

from distune.tuning.champion.confusions import counts_of
from tests.making.answers import ANSWERS


def test_confusions_are_counted_by_label_and_answer() -> None:
    assert counts_of(ANSWERS, ANSWERS.of_student).tolist() == [[2, 1], [1, 1]]
    assert counts_of(ANSWERS, ANSWERS.of_teacher).tolist() == [[1, 2], [0, 2]]
