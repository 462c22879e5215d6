"""Teachers whose answers have nothing to do with the texts."""

from __future__ import annotations

import numpy as np
import pytest

from distune.tuning.teachers.one_answer import about_one_answer

LABELS = np.array([0, 1] * 15)


def lines(answers: np.ndarray, labels: np.ndarray = LABELS, names: tuple[str, ...] = ("neg", "pos")) -> list[str]:
    return about_one_answer("teacher", np.eye(len(names))[answers], labels, names)


def test_answers_in_another_order_of_the_rows_are_told() -> None:
    # 8 of each 15 are right; half of the answers and of the labels are of each class, so 15 are right by chance.
    answers = np.where(np.arange(30) < 16, LABELS, 1 - LABELS)
    assert lines(answers) == [
        "teacher: it is right on 16 of 30 texts of dev, where 15 are right by chance: do its rows belong to other texts, its columns to "
        "other labels, or has it learnt nothing?"
    ]


def test_so_are_answers_that_are_always_wrong() -> None:
    assert lines(1 - LABELS)[0].startswith("teacher: it is right on 0 of 30 texts of dev, where 15 are right by chance")


def test_a_weak_teacher_that_knows_something_is_none() -> None:
    answers = np.where(np.arange(30) < 21, LABELS, 1 - LABELS)  # 21 of 30: 0.021 by chance.
    assert lines(answers) == []


def test_nor_is_one_that_is_seldom_right_of_a_large_class() -> None:
    labels = np.array([0] * 95 + [1] * 5)
    answers = np.array(
        [0] * 85 + [1] * 10 + [1] * 5
    )  # 90 right, which is less than 95; by chance 0.95 * 0.85 + 0.05 * 0.15.
    assert lines(answers, labels) == []


@pytest.mark.parametrize("n", [18, 19])
def test_few_texts_tell_nothing(n: int) -> None:
    assert lines(1 - LABELS[:n], LABELS[:n]) == []


def test_texts_without_a_label_do_not_count() -> None:
    labels = np.where(np.arange(30) < 12, -1, LABELS)
    assert lines(1 - LABELS, labels) == []
