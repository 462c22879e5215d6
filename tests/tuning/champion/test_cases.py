from __future__ import annotations

import numpy as np
import pytest

from distune.tuning.champion.answers import Answers
from distune.tuning.champion.cases import Said, both_wrong, disagreements
from tests.making.answers import ANSWERS, TEXTS, logits
from tests.making.findings import EVIL
from tests.making.findings_of_sets import ANSWERS_OF_SETS, NAMES, TEXTS_OF_SETS


def test_disagreements_come_with_the_widest_first_and_are_of_the_answer() -> None:
    found = disagreements(ANSWERS, 9)
    # 三 .9 against .2, 二 .8 against .3; the others are answered alike, however far apart.
    assert [TEXTS[case.row] for case in found] == ["三", "二"]
    assert found[0].labels == ("好",)
    (teacher,), (student,) = found[0].teacher, found[0].student
    assert (teacher.label, teacher.mark, student.label, student.mark) == ("好", "right", "差", "wrong")
    assert (teacher.probability, student.probability) == pytest.approx((0.9, 0.8))
    assert [TEXTS[case.row] for case in disagreements(ANSWERS, 1)] == ["三"]


def test_what_both_get_wrong_comes_by_the_less_sure_of_the_two() -> None:
    both = Answers(
        trial=0,
        names=("a", "b"),
        labels=np.array([0, 0, 1]),
        teacher=logits(0.9, 0.8, 0.9),
        student=logits(0.6, 0.7, 0.9),
    )
    assert [case.row for case in both_wrong(both, 9)] == [1, 0]  # min .7 before min .6; the last is right
    assert [TEXTS[case.row] for case in both_wrong(ANSWERS, 9)] == ["五"]


def marks(said: tuple[Said, ...]) -> list[tuple[str, str]]:
    return [(one.mark, one.label) for one in said]


def test_of_several_labels_those_that_are_answered_differently_say_how_far_apart_the_two_are() -> None:
    found = disagreements(ANSWERS_OF_SETS, 9)
    # 好 .10 against .85; late .90 against .35, without broken, which is unknown; 好 .80 against .35.
    assert [TEXTS_OF_SETS[case.row] for case in found] == ["没有人知道", EVIL, "学生少一个"]
    assert [TEXTS_OF_SETS[case.row] for case in disagreements(ANSWERS_OF_SETS, 1)] == ["没有人知道"]


def test_extra_missing_and_unknown_labels_of_an_answer_are_told_apart_and_errors_come_first() -> None:
    third, second, first = disagreements(ANSWERS_OF_SETS, 9)
    assert (first.labels, first.n_unknown) == (("late", NAMES[2]), 0)
    assert marks(first.teacher) == [("right", "late"), ("right", NAMES[2])]
    assert marks(first.student) == [("missing", NAMES[2]), ("right", "late")]
    assert [one.probability for one in first.student] == pytest.approx([0.35, 0.65])
    assert (second.labels, second.n_unknown) == (("late",), 1)
    assert marks(second.teacher) == [("right", "late"), ("unknown", "broken")]
    assert marks(second.student) == [("missing", "late")]
    assert marks(third.teacher) == [("missing", "broken")]
    assert marks(third.student) == [("extra", NAMES[2]), ("missing", "broken")]
    assert [one.is_wrong for one in (*second.teacher, *third.student)] == [False, False, True, True]


def test_both_are_wrong_where_they_agree_on_one_label_that_is_otherwise() -> None:
    found = both_wrong(ANSWERS_OF_SETS, 9)
    # Both leave out broken, by .8 and .65; both answer broken, by .7 and .55.
    assert [TEXTS_OF_SETS[case.row] for case in found] == ["没有人知道", "都错"]
    assert found[1].labels == ()
    assert marks(found[1].student) == [("extra", "broken")]
