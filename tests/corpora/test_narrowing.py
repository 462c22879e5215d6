from __future__ import annotations

import numpy as np
import pytest

from distune.corpora.narrowing import LARGEST_IN_HALF, hidden_in_half, narrowed, narrowest
from distune.corpora.texts import CorpusError


def test_numbers_that_the_type_holds_stay_as_they_are() -> None:
    found = narrowed(np.array([[1.5, -0.25]]), "float16", "logits")
    assert (found.dtype, found.tolist()) == (np.float16, [[1.5, -0.25]])


def test_a_number_beyond_the_type_is_refused_with_its_value() -> None:
    with pytest.raises(
        CorpusError, match=r"a\.csv: numbers must be within ±65504 to be kept in float16, but got 70000 and 1 others"
    ):
        narrowed(np.array([[70000.0, 1.0], [-1e6, 2.0]]), "float16", "a.csv")
    with pytest.raises(
        CorpusError, match=r"numbers must be within ±3\.40282e\+38 to be kept in float32, but got 1e\+39; divide"
    ):
        narrowed(np.array([[1e39, 1.0]]), "float32", "a.csv")


def test_two_logits_that_round_to_one_number_keep_their_order() -> None:
    # Between 2,048 and 4,096 float16 holds even numbers only: 3001 and 3000.5 are both 3000.
    found = narrowed(np.array([[3000.5, 3001.0], [3001.0, 3000.5]]), "float16", "logits")
    assert found.argmax(axis=1).tolist() == [1, 0]
    assert found.tolist() == [[2998, 3000], [3000, 3000]]
    # In float32, 16,777,217 is 16,777,216.
    found = narrowed(np.array([[16777216.0, 16777217.0]]), "float32", "logits")
    assert found.tolist() == [[16777215, 16777216]]


def test_whatever_is_rounded_keeps_its_class() -> None:
    logits = np.random.default_rng(3).normal(0, 3, (20_000, 1)) + np.random.default_rng(4).normal(0, 1e-3, (20_000, 5))
    said = logits.argmax(axis=1)
    plain = logits.astype(np.float16)
    assert (plain.argmax(axis=1) != said).any()
    for dtype, step in (("float16", 2**-10), ("float32", 2**-23)):
        found = narrowed(logits, dtype, "logits")  # type: ignore[arg-type]
        assert (found.argmax(axis=1) == said).all()
        assert np.abs(found - logits).max() <= 1.5 * step * np.abs(logits).max()


def test_equal_logits_stay_equal() -> None:
    assert narrowed(np.array([[0.1, 0.1], [7.0, 7.0]]), "float16", "logits").argmax(axis=1).tolist() == [0, 0]


def test_float16_is_taken_for_small_logits_alone() -> None:
    assert LARGEST_IN_HALF == 256
    assert narrowest(np.array([[255.0, -255.0]], np.float32)).dtype == np.float16
    large = np.array([[70000.0, -256.0]], np.float32)
    assert narrowest(large).dtype == np.float32
    np.testing.assert_array_equal(narrowest(large), large)
    assert narrowest(np.zeros((0, 2), np.float32)).shape == (0, 2)


def test_hidden_states_beyond_float16_are_refused() -> None:
    assert hidden_in_half(np.array([[65504.0, 0.1]]), "states").dtype == np.float16
    with pytest.raises(
        CorpusError, match=r"states: numbers must be within ±65504 to be kept in float16, but got 100000; do without"
    ):
        hidden_in_half(np.array([[1e5, 0.1]]), "states")
