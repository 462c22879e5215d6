from __future__ import annotations

import numpy as np
import pytest

from distune.tuning.champion.calibration import reliability
from tests.making.answers import ANSWERS
from tests.making.findings_of_sets import ANSWERS_OF_SETS


def test_calibration_is_counted_by_hand() -> None:
    found = reliability(ANSWERS.probabilities_of_student, ANSWERS.labels)
    # Sure by .6 .7 .8 .9 .95, and right, right, wrong, right, wrong: the last two are in one bin.
    assert found.counts.tolist() == [1, 1, 1, 2]
    assert found.confidence == pytest.approx([0.6, 0.7, 0.8, 0.925])
    assert found.accuracy.tolist() == [1, 1, 0, 0.5]
    assert found.error == pytest.approx((0.4 + 0.3 + 0.8 + 2 * 0.425) / 5)


def test_whoever_is_always_sure_and_always_right_is_calibrated() -> None:
    found = reliability(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]))
    assert (found.counts.tolist(), found.error) == ([2], pytest.approx(0))


def test_of_several_labels_every_probability_of_a_known_label_counts() -> None:
    found = reliability(ANSWERS_OF_SETS.probabilities_of_student, ANSWERS_OF_SETS.labels)
    # .15 three times, never the label; .25 twice, never; .35 three times, always (a fourth is of an unknown label);
    # .55 not, .65 yes, .85 not.
    assert found.counts.tolist() == [3, 2, 3, 1, 1, 1]
    assert found.confidence == pytest.approx([0.15, 0.25, 0.35, 0.55, 0.65, 0.85])
    assert found.accuracy.tolist() == [0, 0, 1, 0, 1, 0]
    assert found.error == pytest.approx((3 * 0.15 + 2 * 0.25 + 3 * 0.65 + 0.55 + 0.35 + 0.85) / 11)
