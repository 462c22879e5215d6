from __future__ import annotations

import numpy as np
import pytest

from distune.models.vectors.config import TeacherVectorsConfig
from distune.models.vectors.from_states import vectors_of_states

# On a line in the direction (3, 4), at -5, 0 and 5 from (10, 10); the second word has no state.
STATES = np.array([[7, 6], [np.nan, np.nan], [10, 10], [13, 14]], np.float32)


def test_vectors_are_the_states_less_their_mean_along_the_axes_in_which_they_differ_most() -> None:
    found = vectors_of_states(STATES, TeacherVectorsConfig(kind="teacher", dimension=1))
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([-5, 0, 5], abs=1e-5)
    assert np.isnan(found[1]).all()


def test_an_axis_has_the_sign_that_makes_its_largest_number_positive() -> None:
    found = vectors_of_states(-STATES, TeacherVectorsConfig(kind="teacher", dimension=1))
    assert found[[0, 2, 3], 0].tolist() == pytest.approx([5, 0, -5], abs=1e-5)
