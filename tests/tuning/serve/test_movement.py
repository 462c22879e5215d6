"""Whether two profiles differ: by how much, by chance, and how often it is said in vain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from distune.models.answers import Answered
from distune.models.profile import BINS, Profile, profile_of
from distune.tuning.serve.movement import Movement, least_seen, movements

LABELS = ("praise", "blame")


def profile(labels: tuple[int, ...], n_texts: int, unsure: int = 0, unknown: int = 0) -> Profile:
    """Texts that are answered with 0.9 and have no unknown token, but for those that are `unsure`, 0.5, and half `unknown`."""
    confidence, shares = [0] * BINS, [0] * BINS
    confidence[90], confidence[50] = n_texts - unsure, unsure
    shares[0], shares[50] = n_texts - unknown, unknown
    return Profile(n_texts=n_texts, labels=labels, confidence=tuple(confidence), unknown=tuple(shares))


def by_measure(now: Profile, before: Profile, is_multi_label: bool = False) -> dict[str, Movement]:
    found = movements(now, before, LABELS, is_multi_label, least=0.05, false_alarms=0.01)
    return {one.measure: one for one in found}


def test_equal_profiles_have_not_moved() -> None:
    same = profile((60, 40), 100)
    assert [(one.difference, one.chance, one.has_moved) for one in by_measure(same, same).values()] == [
        (0, 1, False)
    ] * 3


def test_the_difference_of_labels_is_the_share_of_texts_that_would_need_another() -> None:
    # Chi-squared by hand: expected 75 and 25 in both rows, four times 25 squared over these, with one degree of freedom.
    found = by_measure(profile((50, 50), 100), profile((100, 0), 100))["labels"]
    assert found.difference == 0.5
    statistic = 2 * (25**2 / 75 + 25**2 / 25)
    assert found.chance == pytest.approx(math.erfc(math.sqrt(statistic / 2)))
    assert (found.at, found.now, found.before, found.has_moved) == ("praise", 0.5, 1.0, True)


def test_confidence_says_where_the_shares_differ_most() -> None:
    found = by_measure(profile((60, 40), 100, unsure=30), profile((600, 400), 1000, unsure=100))["confidence"]
    assert found.difference == pytest.approx(0.2)
    # The first two terms of Kolmogorov's series at sqrt(1000 * 100 / 1100) * 0.2.
    x = math.sqrt(1000 * 100 / 1100) * 0.2
    assert found.chance == pytest.approx(2 * (math.exp(-2 * x**2) - math.exp(-8 * x**2)), rel=1e-6)
    assert (found.at, found.now, found.before, found.has_moved) == (
        "0.51",
        pytest.approx(0.3),
        pytest.approx(0.1),
        True,
    )


def test_unknown_tokens_are_counted_from_a_share_on() -> None:
    found = by_measure(profile((60, 40), 100, unknown=50), profile((60, 40), 100, unknown=10))["unknown tokens"]
    assert (found.at, found.has_moved) == ("0.50", True)
    assert (found.now, found.before) == (pytest.approx(0.5), pytest.approx(0.1))


def test_several_labels_are_compared_one_by_one_over_all_texts() -> None:
    found = by_measure(profile((50, 10), 100), profile((10, 10), 100), is_multi_label=True)["labels"]
    assert (found.difference, found.at, found.now, found.before) == (pytest.approx(0.4), "praise", 0.5, 0.1)
    # Expected 30 and 70 in both rows; the two labels double the p-value.
    statistic = 2 * (20**2 / 30 + 20**2 / 70)
    assert found.chance == pytest.approx(2 * math.erfc(math.sqrt(statistic / 2)))


def test_a_small_difference_has_not_moved_however_many_texts_show_it() -> None:
    found = by_measure(profile((530_000, 470_000), 1_000_000), profile((500_000, 500_000), 1_000_000))["labels"]
    assert found.chance < 1e-100
    assert not found.has_moved


def test_a_large_difference_of_few_texts_has_not_moved() -> None:
    found = by_measure(profile((3, 2), 5), profile((500, 500), 1000))["labels"]
    assert found.difference == pytest.approx(0.1)
    assert not found.has_moved


def test_labels_too_rare_for_the_test_count_together() -> None:
    # By themselves the three rare labels would be expected 1, 1 and 0 times; together with the next one they are 42 of 200.
    now = Profile(n_texts=100, labels=(80, 18, 2, 0, 0), confidence=(100, *[0] * 100), unknown=(100, *[0] * 100))
    before = Profile(n_texts=100, labels=(78, 20, 0, 2, 0), confidence=(100, *[0] * 100), unknown=(100, *[0] * 100))
    (labels, *_) = movements(now, before, "abcde", False, 0.05, 0.01)
    statistic = 4 * 1**2 / 79 / 2 + 4 * 1**2 / 21 / 2
    assert labels.chance == pytest.approx(math.erfc(math.sqrt(statistic / 2)))


def test_the_smallest_difference_that_is_seen_shrinks_with_the_texts() -> None:
    assert least_seen(100, 2000, 0.01) == pytest.approx(math.sqrt(-math.log(0.01 / 6) / 2 * 2100 / 200_000))
    assert least_seen(1, 1, 0.01) == 1.0


def drawn(rng: np.random.Generator, n_texts: int, n_labels: int, several: bool, raised: float = 0.0) -> Profile:
    logits = rng.normal(size=(n_texts, n_labels)) * 2
    logits[:, 0] += raised
    if several:
        probabilities = 1 / (1 + np.exp(2 - logits))
        answers = (probabilities >= 0.5).astype(np.int64)
    else:
        exponentials = np.exp(logits)
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        answers = probabilities.argmax(axis=1)
    return profile_of(Answered(answers, probabilities, rng.binomial(12, 0.1, size=n_texts) / 12))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("n_labels", [2, 15, 60])
def test_false_alarms_are_as_rare_as_was_asked_for(n_labels: int, several: bool) -> None:
    rng, names = np.random.default_rng(1), [str(i) for i in range(n_labels)]
    alarms = 0
    for _ in range(200):
        now, before = drawn(rng, 150, n_labels, several), drawn(rng, 600, n_labels, several)
        found = movements(now, before, names, several, least=0.0, false_alarms=0.1)
        alarms += any(one.has_moved for one in found)
    # A true rate of 0.1 gives more than 31 of 200 with a probability of 0.005.
    assert alarms <= 31


@pytest.mark.parametrize("several", [False, True])
def test_what_has_moved_is_found(several: bool) -> None:
    rng, names = np.random.default_rng(2), ["a", "b", "c"]
    for _ in range(20):
        now, before = drawn(rng, 400, 3, several, raised=1.5), drawn(rng, 1000, 3, several)
        found = {one.measure: one for one in movements(now, before, names, several, 0.05, 0.01)}
        assert found["labels"].has_moved
        assert not found["unknown tokens"].has_moved or found["unknown tokens"].chance < 0.01 / 3
