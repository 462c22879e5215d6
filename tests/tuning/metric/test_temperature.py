"""The temperature that dev fits: by hand, within its bounds, and without moving an answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from distune.models.decision import LIKELIEST, Decision, EachLabel, decision_of
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.set_thresholds import best_thresholds
from distune.tuning.metric.temperature import MIN_TEXTS, fitted_temperature, scaled
from distune.tuning.metric.threshold import best_decision


def of_two(margins: Any) -> np.ndarray:
    """Logits of two classes whose difference is a margin."""
    margins = np.asarray(margins, dtype=np.float64)
    return np.stack([np.zeros_like(margins), margins], axis=1).astype(np.float32)


def test_the_temperature_makes_confidence_the_share_of_right_answers() -> None:
    # Every margin is 4, and three of four texts are of the second class: it is best to be sure by 3/4, the sigmoid of ln 3.
    logits, labels = of_two([4.0] * 100), np.array([1, 1, 1, 0] * 25)
    assert fitted_temperature(logits, labels) == pytest.approx(4 / math.log(3), abs=1e-6)
    found = scaled(LIKELIEST, logits, labels)
    assert found.decision == Decision(temperature=3.641)
    assert found.note == ""
    assert found.decision.probabilities(logits)[:, 1] == pytest.approx(0.75, abs=1e-4)


def test_several_labels_have_one_temperature_and_unknown_labels_do_not_count() -> None:
    logits = np.full((100, 2), 4.0, dtype=np.float32)
    labels = np.array([[1, 1], [1, 0], [0, 1], [1, 1]] * 25)
    labels[:, 1] = np.where(labels[:, 1] == 0, -1, labels[:, 1])
    # Known are 4 + 3 pairs of each four texts, and one of them is not so: 6/7 have the label.
    assert fitted_temperature(logits, labels) == pytest.approx(4 / math.log(6), abs=1e-6)


def test_the_fit_is_the_least_log_loss_of_many_classes() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(size=(4000, 5)) * 2
    labels = np.array([rng.choice(5, p=row) for row in Decision().probabilities(true)])
    found = fitted_temperature(true * 2.5, labels)
    assert found == pytest.approx(2.5, rel=0.06)

    def loss(temperature: float) -> float:
        p = Decision(temperature=temperature).probabilities(true * 2.5)
        return float(-np.log(p[np.arange(4000), labels]).mean())

    assert loss(found) < min(loss(found * 1.001), loss(found / 1.001))


def test_a_perfect_dev_has_no_temperature() -> None:
    found = scaled(LIKELIEST, of_two([3.0, -3.0] * 50), np.array([1, 0] * 50))
    assert found.decision == LIKELIEST
    assert (
        found.note == "the best one on dev is below 0.1, because dev has hardly an error or the logits are very small"
    )


def test_logits_that_say_nothing_have_no_temperature() -> None:
    found = scaled(LIKELIEST, of_two([3.0, -3.0] * 50), np.array([0, 1] * 50))
    assert found.decision == LIKELIEST
    assert found.note == "the best one on dev is above 10, because the logits say nothing of the labels of dev"


def test_a_small_dev_has_no_temperature() -> None:
    n = MIN_TEXTS - 1
    found = scaled(LIKELIEST, of_two([2.0] * n), np.array([1] * (n - 10) + [0] * 10))
    assert found == type(found)(LIKELIEST, "dev has 49 labelled texts, and 50 are needed to fit one")
    assert scaled(LIKELIEST, of_two([2.0] * (n + 1)), np.array([1] * (n - 9) + [0] * 10)).note == ""


def test_a_threshold_is_moved_so_that_it_answers_the_same() -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(size=300) * 4
    labels = (rng.random(300) < 1 / (1 + np.exp(-(margins - 1) / 3))).astype(np.int64)
    raw = best_decision(MetricConfig(kind="f1", label="1"), 1, of_two(margins), labels)
    found = scaled(raw, of_two(margins), labels)
    assert found.note == ""
    assert isinstance(found.decision, Decision)
    assert found.decision.temperature > 1.5
    assert found.decision != raw
    new = of_two(rng.normal(size=5000) * 4)
    assert (found.decision.of_logits(new) == raw.of_logits(new)).all()
    assert (found.decision.probabilities(new)[:, 1] >= (found.decision.answers_from or 0.0)).tolist() == (
        found.decision.of_logits(new) == 1
    ).tolist()


def test_the_thresholds_of_several_labels_are_moved_so_that_they_answer_the_same() -> None:
    rng = np.random.default_rng(1)
    logits = (rng.normal(size=(300, 3)) * 3).astype(np.float32)
    labels = (rng.random((300, 3)) < 1 / (1 + np.exp(-(logits - 1) / 2))).astype(np.int64)
    raw = best_thresholds(MetricConfig(kind="micro_f1"), None, logits, labels)
    found = scaled(raw, logits, labels).decision
    assert isinstance(found, EachLabel)
    assert found.temperature > 1.5
    new = (rng.normal(size=(2000, 3)) * 3).astype(np.float32)
    assert (found.of_logits(new) == raw.of_logits(new)).all()


def test_a_threshold_among_more_than_two_labels_keeps_the_temperature_at_one() -> None:
    rng = np.random.default_rng(2)
    found = scaled(Decision(1, 0.3), rng.normal(size=(200, 3)), rng.integers(0, 3, 200))
    assert found.decision == Decision(1, 0.3)
    assert "has no counterpart in calibrated probabilities" in found.note


def test_thresholds_are_moved_by_hand() -> None:
    # The logit of 0.8 is ln 4; over 2 it is ln 2, whose probability is 2/3.
    assert Decision(1, 0.8, 2.0).answers_from == pytest.approx(2 / 3)
    assert Decision(1, 0.8).answers_from == 0.8
    assert EachLabel((0.0, 0.5, 0.8, 1.0), 2.0).answers_from == pytest.approx((0.0, 0.5, 2 / 3, 1.0))
    assert Decision(temperature=3.0).answers_from is None


@pytest.mark.parametrize("temperature", [0.1, 0.2225, 3.0, 10.0])
def test_no_temperature_changes_an_answer_also_where_probabilities_are_rounded(temperature: float) -> None:
    logits = np.random.default_rng(3).normal(size=(20_000, 2)).astype(np.float32) * 12
    for threshold in (1e-7, 0.02, 0.9999263, 0.99999296):
        plain, calibrated = Decision(1, threshold), Decision(1, threshold, temperature)
        assert (plain.of_logits(logits) == calibrated.of_logits(logits)).all()
        several = EachLabel((threshold, 0.5), temperature)
        assert (EachLabel((threshold, 0.5)).of_logits(logits) == several.of_logits(logits)).all()


@pytest.mark.parametrize("temperature", [0, -1, 5e-324, 1e4, float("nan"), float("inf"), True, "2", None])
def test_a_temperature_that_divides_no_logits_is_refused(temperature: Any) -> None:
    with pytest.raises(ValueError, match=r"temperature must be a number from 0\.001 to 1000, but got"):
        decision_of({}, ("a", "b"), False, temperature)
