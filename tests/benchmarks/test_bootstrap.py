"""Differences of methods, against draws that can be counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.tables.bootstrap import paired_difference, paired_score_difference, paired_weighed_difference

ALIKE = np.zeros(4, np.int64)
"""Four texts with one label."""


def right(*rows: str) -> np.ndarray:
    """`[seeds, texts]` of rows such as "1101"."""
    return np.array([[mark == "1" for mark in row] for row in rows])


def test_two_texts_give_three_differences() -> None:
    # Right on one text each. Of four draws of two texts one takes the first twice (+1), one the second twice (-1), two both (0).
    first, second = right("10"), right("01")
    whole = paired_difference(first, second)
    assert (whole.mean, whole.low, whole.high) == (0.0, -1.0, 1.0)
    # The inner half of that distribution is 0 alone.
    inner = paired_difference(first, second, level=0.4)
    assert (inner.low, inner.high) == (0.0, 0.0)


def test_two_seeds_give_three_differences() -> None:
    # On the same texts one training is always right and one always wrong: 1, 1/2 or 0, with 1/4, 1/2 and 1/4.
    found = paired_difference(right("1111", "0000"), right("0000", "0000"))
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    assert paired_difference(right("1111", "0000"), right("0000", "0000"), level=0.4).low == 0.5


def test_what_both_get_right_together_is_no_difference() -> None:
    """Unpaired, two methods of accuracy 1/2 on four texts would differ by chance alone."""
    same = paired_difference(right("1100", "0011"), right("1100", "0011"))
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    assert same.is_none


def test_the_interval_of_many_texts_is_that_of_the_normal_law() -> None:
    # 400 texts; the first is right on 60 that the second misses, the second on 20: mean 0.1, variance of a text 0.2 - 0.01.
    first = right("1" * 60 + "0" * 20 + "1" * 320)
    second = right("0" * 60 + "1" * 20 + "1" * 320)
    found = paired_difference(first, second)
    half = 1.96 * (0.19 / 400) ** 0.5
    assert found.mean == pytest.approx(0.1)
    assert (found.low, found.high) == (pytest.approx(0.1 - half, abs=0.005), pytest.approx(0.1 + half, abs=0.005))
    assert not found.is_none


def test_a_method_without_seeds_is_held_against_every_seed() -> None:
    found = paired_difference(right("11", "11"), right("00"))
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
    assert str(found) == "+1.0000 [+1.0000, +1.0000]"


def test_what_does_not_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="the same texts, but got 2 and 3"):
        paired_difference(right("11"), right("111"))
    with pytest.raises(ValueError, match="the same seeds, or one of them one, but got 2 and 3"):
        paired_difference(right("1", "1"), right("1", "1", "1"))


def test_a_difference_of_scores_is_that_of_accuracies_if_accuracy_is_the_score() -> None:
    first, second = right("1101", "0111"), right("1000", "1010")
    by_score = paired_score_difference(
        lambda texts: first[:, texts].mean(axis=1), lambda texts: second[:, texts].mean(axis=1), ALIKE
    )
    by_right = paired_difference(first, second)
    assert by_score.mean == by_right.mean == 0.375
    assert by_score.low == pytest.approx(by_right.low, abs=0.13)
    assert by_score.high == pytest.approx(by_right.high, abs=0.13)


def test_the_score_of_each_draw_is_of_its_texts_together() -> None:
    """A score that is no mean over texts: whether any is right. Of two texts one is right, and a quarter of the draws has it not."""
    found = paired_score_difference(
        lambda texts: np.array([float((texts == 0).any())]), lambda texts: np.zeros(1), ALIKE[:2], level=0.4
    )
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
    assert (
        paired_score_difference(
            lambda texts: np.array([float((texts == 0).any())]), lambda texts: np.zeros(1), ALIKE[:2]
        ).low
        == 0.0
    )


def test_scores_of_two_and_of_three_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="both methods must have the same seeds, or one of them one, but got 2 and 3"):
        paired_score_difference(lambda texts: np.zeros(2), lambda texts: np.zeros(3), ALIKE)
    assert paired_score_difference(lambda texts: np.zeros(1), lambda texts: np.ones(3), ALIKE).mean == -1.0


def test_each_draw_has_as_many_texts_of_a_label_as_there_are() -> None:
    labels, drawn = np.array([0, 1, 1, 2]), []

    def counted(texts: np.ndarray) -> np.ndarray:
        drawn.append(np.bincount(labels[texts]).tolist())
        return np.zeros(1)

    paired_score_difference(counted, lambda texts: np.zeros(1), labels, n_draws=20)
    assert len(drawn) == 22  # All texts are asked for twice.
    assert set(map(tuple, drawn)) == {(1, 2, 1)}


def right_part(*rows: str) -> Any:
    """Accuracy of rows such as "1101" under weights of their texts."""
    return lambda weights: right(*rows) @ weights.T / weights.sum(axis=1)


def test_the_weight_of_one_of_two_texts_is_uniform() -> None:
    # Of two exponential weights the part of the first is uniform on 0 to 1.
    found = paired_weighed_difference(right_part("10"), right_part("00"), 2)
    assert found.mean == 0.5
    assert found.low == pytest.approx(0.025, abs=0.01)
    assert found.high == pytest.approx(0.975, abs=0.01)


def test_weights_are_the_same_for_both_and_seeds_are_drawn() -> None:
    same = paired_weighed_difference(right_part("10", "01"), right_part("10", "01"), 2)
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    # On the same texts one training is always right and one always wrong: 1, 1/2 or 0, with 1/4, 1/2 and 1/4.
    seeds = paired_weighed_difference(right_part("11", "00"), right_part("00"), 2)
    assert (seeds.mean, seeds.low, seeds.high) == (0.5, 0.0, 1.0)
    assert paired_weighed_difference(right_part("11", "00"), right_part("00"), 2, level=0.4).low == 0.5


def test_weighed_scores_of_two_and_of_three_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="both methods must have the same seeds, or one of them one, but got 2 and 3"):
        paired_weighed_difference(right_part("1", "1"), right_part("1", "1", "1"), 1)
