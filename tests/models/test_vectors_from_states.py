from __future__ import annotations

import numpy as np
import pytest

from distune.models.vectors.config import TeacherVectorsConfig
from distune.models.vectors.from_states import vectors_of_states

# On a line in the direction (3, 4), at -5, 0 and 5 from (10, 10); the second word has no state. The standard deviation of
# -5, 0 and 5 is the root of 50 / 3.
ROOT = (50 / 3) ** 0.5
SHARES = np.array([0.5, 0.25, 0.25, 0.0])
STATES = np.array([[7, 6], [np.nan, np.nan], [10, 10], [13, 14]], np.float32)


def test_vectors_are_the_states_less_their_mean_along_the_axes_in_which_they_differ_most() -> None:
    found = vectors_of_states(STATES, TeacherVectorsConfig(kind="teacher", dimension=1, spread=ROOT), SHARES)
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([-5, 0, 5], abs=1e-5)
    assert np.isnan(found[1]).all()


def test_an_axis_has_the_sign_that_makes_its_largest_number_positive() -> None:
    found = vectors_of_states(-STATES, TeacherVectorsConfig(kind="teacher", dimension=1, spread=ROOT), SHARES)
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([5, 0, -5], abs=1e-5)


def test_frequent_words_have_shorter_vectors_by_sif() -> None:
    # 0.5 / (0.5 + 0.5), 0.5 / (0.5 + 0.25) and 0.5 / 0.5: -2.5, 0 and 5, whose mean is 2.5 / 3 and variance 31.25 / 3 less its square.
    spread = (31.25 / 3 - (2.5 / 3) ** 2) ** 0.5
    found = vectors_of_states(STATES, TeacherVectorsConfig(kind="teacher", dimension=1, sif=0.5, spread=spread), SHARES)
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([-2.5, 0, 5], abs=1e-5)


def test_vectors_are_scaled_to_the_spread_that_the_study_names() -> None:
    found = vectors_of_states(STATES, TeacherVectorsConfig(kind="teacher", dimension=1), SHARES)
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([-0.5 / ROOT, 0, 0.5 / ROOT], abs=1e-6)
    assert found[[0, 2, 3]].std() == pytest.approx(0.1)


def test_states_that_are_all_the_same_give_vectors_of_zeros() -> None:
    found = vectors_of_states(
        np.ones((3, 2), np.float32), TeacherVectorsConfig(kind="teacher", dimension=1), np.zeros(3)
    )
    assert found.tolist() == [[0], [0], [0]]


def test_without_centring_the_axes_are_those_of_the_states_themselves() -> None:
    states = np.array([[3, 4], [6, 8], [-3, -4]], np.float32)
    # 5, 10 and -5 have a mean of 10 / 3 and a mean square of 50.
    spread = (50 - (10 / 3) ** 2) ** 0.5
    config = TeacherVectorsConfig(kind="teacher", dimension=1, centre=False, spread=spread)
    assert vectors_of_states(states, config, np.zeros(3))[:, 0].tolist() == pytest.approx([5, 10, -5], abs=1e-5)
