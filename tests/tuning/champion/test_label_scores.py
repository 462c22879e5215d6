from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distune.models.decision import LIKELIEST
from distune.tuning.champion.label_scores import label_scores
from tests.making.findings_of_sets import ANSWERS_OF_SETS, NAMES


def test_each_label_has_its_f1_the_students_worst_first() -> None:
    broken, good, late = label_scores(ANSWERS_OF_SETS)
    assert (broken.label, good.label, late.label) == ("broken", NAMES[2], "late")
    assert (broken.n_texts, good.n_texts, late.n_texts) == (1, 1, 2)
    # The student answers late once, rightly, of two: 2 * 1 / (1 + 2). It answers broken and 好 once each, wrongly.
    assert [one.f1_of_student for one in (broken, good, late)] == pytest.approx([0, 0, 2 / 3])
    # The teacher answers broken wrongly, and once where it is unknown.
    assert [one.f1_of_teacher for one in (broken, good, late)] == [0, 1, 1]
    assert (broken.threshold_of_teacher, broken.threshold_of_student) == (0.5, 0.4)


def test_a_label_of_which_nothing_is_known_on_test_has_no_f1_and_comes_last() -> None:
    labels = ANSWERS_OF_SETS.labels.copy()
    labels[:, 1] = [0, -1, -1, -1]
    last = label_scores(replace(ANSWERS_OF_SETS, labels=labels))[-1]
    assert (last.label, last.n_texts, last.f1_of_teacher, last.f1_of_student) == ("broken", 0, None, None)


def test_a_rule_of_one_label_a_text_has_no_thresholds_of_labels() -> None:
    with pytest.raises(ValueError, match="each needs a threshold"):
        label_scores(replace(ANSWERS_OF_SETS, by_student=LIKELIEST, labels=np.zeros((4, 3), np.int8)))
