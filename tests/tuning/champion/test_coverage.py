"""Accuracy against coverage, counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from distune.models.decision import LIKELIEST, Decision, confidences, even
from distune.tuning.champion.calibration import calibration
from distune.tuning.champion.confidence import confidence_in, confidence_of
from distune.tuning.champion.coverage import area_under_risk, at_shares, curve, sureness
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import BY_ACCURACY, metric_of
from distune.tuning.metric.set_metric import set_metric_of
from tests.making.answers import ANSWERS, logits
from tests.making.findings_of_sets import ANSWERS_OF_SETS, NAMES

# The answers of ten texts, sure by .99, .98, ..., .90; the third and the two last are wrong.
SURE = np.array([0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.90])
RIGHT = np.array([1, 1, 0, 1, 1, 1, 1, 1, 0, 0], dtype=bool)


def test_the_area_is_the_mean_error_of_the_most_confident() -> None:
    risks = [0, 0, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7, 1 / 8, 2 / 9, 3 / 10]
    assert area_under_risk(SURE, RIGHT) == pytest.approx(sum(risks) / 10)
    mixed = np.random.default_rng(0).permutation(10)
    assert area_under_risk(SURE[mixed], RIGHT[mixed]) == pytest.approx(sum(risks) / 10)


def test_texts_that_are_equally_sure_count_in_every_order() -> None:
    # One of two is right: alone the first of them is right in one order of two.
    accuracy, sure = curve(np.array([0.9, 0.9, 0.8]), np.array([False, True, True]))
    assert accuracy.tolist() == pytest.approx([0.5, 0.5, 2 / 3])
    assert sure.tolist() == [0.9, 0.9, 0.8]
    assert area_under_risk(np.array([0.9, 0.9, 0.8]), np.array([True, False, True])) == pytest.approx(4 / 9)


def test_the_table_has_the_accuracy_of_each_share() -> None:
    labels = RIGHT.astype(np.int64)  # The second class is the answer to all.
    found = at_shares(BY_ACCURACY, LIKELIEST, logits(*SURE), labels)
    assert [(one.asked, one.share) for one in found] == [(1.0, 1.0), (0.95, 1.0), (0.9, 0.9), (0.8, 0.8), (0.7, 0.7)]
    assert [one.accuracy for one in found] == pytest.approx([0.7, 0.7, 7 / 9, 7 / 8, 6 / 7])
    assert [one.abstain_below for one in found] == pytest.approx([0.9, 0.9, 0.91, 0.92, 0.93], abs=1e-6)
    assert {one.score for one in found} == {None}


def test_texts_as_sure_as_the_last_are_answered_too() -> None:
    found = at_shares(BY_ACCURACY, LIKELIEST, logits(0.9, 0.8, 0.8, 0.8, 0.8), np.array([1, 1, 1, 1, 0]))
    assert [(one.asked, one.share, one.accuracy) for one in found][-1] == (0.7, 1.0, 0.8)


def test_another_metric_of_answers_has_its_score_unless_one_class_is_left() -> None:
    metric = metric_of(MetricConfig(kind="mcc", threshold="none"), ("0", "1"), {})
    labels = np.array([1, 0, 1, 0, 1, 1, 1, 1, 1, 1])
    found = at_shares(metric, LIKELIEST, logits(0.9, 0.1, 0.9, 0.4, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95), labels)
    assert found[0].score == 1.0
    only = at_shares(metric, LIKELIEST, logits(*[0.9] * 7, 0.4, 0.4, 0.4), np.array([1] * 7 + [0] * 3))
    assert [one.score for one in only] == [1.0, 1.0, 1.0, 1.0, None]


def test_texts_without_the_label_of_the_metric_or_any_label_have_no_score() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 0, 2, 1])
    sure = np.log(np.array([[0.9, 0.05, 0.05]] * 8 + [[0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])).astype(np.float32)
    of_last = metric_of(MetricConfig(kind="f1", label="c", threshold="none"), ("a", "b", "c"), {})
    assert [one.score for one in at_shares(of_last, LIKELIEST, sure, labels)] == [1.0, 1.0, 1.0, None, None]
    of_sets = set_metric_of(MetricConfig(kind="weighted_f1"), ("a", "b"), {})
    has = np.array([[0, 0]] * 9 + [[1, 0]])
    logits = np.array([[-5.0, -5.0]] * 9 + [[1.0, -5.0]], np.float32)
    assert [one.score for one in at_shares(of_sets, even(2), logits, has)] == [1.0, 1.0, None, None, None]


def test_an_answer_is_as_sure_as_its_label_or_its_least_sure_one() -> None:
    assert sureness(LIKELIEST, ANSWERS.student).tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9, 0.95])
    # By a threshold, an answer may be the less likely class.
    by = Decision(1, 0.15)
    assert sureness(by, ANSWERS.student).tolist() == pytest.approx([0.6, 0.3, 0.2, 0.9, 0.95], abs=1e-6)
    answers, probabilities = np.array([[1, 0, 0], [0, 0, 0]]), np.array([[0.8, 0.3, 0.1], [0.1, 0.2, 0.4]])
    assert confidences(answers, probabilities).tolist() == pytest.approx([0.7, 0.6])


def test_calibration_has_an_error_of_each_label_and_a_log_loss() -> None:
    # Sure by .6 .7 of class 0 and .8 of class 1; right, wrong, right.
    found = calibration(np.array([[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]), np.array([0, 1, 1]))
    assert found.error == pytest.approx((0.4 + 0.7 + 0.2) / 3)
    assert found.classwise_error == pytest.approx((0.4 + 0.7 + 0.2) / 3)
    assert found.log_loss == pytest.approx(-(math.log(0.6) + math.log(0.3) + math.log(0.8)) / 3)


def test_unknown_labels_count_in_no_calibration() -> None:
    found = calibration(np.array([[0.9, 0.4], [0.1, 0.9]]), np.array([[1, -1], [0, 1]]))
    # Of the first label .9 and .1, of the second .9: each is 0.1 away.
    assert found.error == pytest.approx(0.1)
    assert found.classwise_error == pytest.approx(0.1)
    assert found.log_loss == pytest.approx(-math.log(0.9))


def test_a_probability_of_nothing_has_a_finite_log_loss() -> None:
    assert calibration(np.array([[1.0, 0.0]]), np.array([1])).log_loss == pytest.approx(12 * math.log(10))


def test_confidence_comes_back_from_its_file_with_the_calibration_before() -> None:
    decision = Decision(temperature=2.0)
    found = confidence_of(BY_ACCURACY, decision, ANSWERS.student, ANSWERS.labels)
    assert found.uncalibrated == confidence_of(BY_ACCURACY, LIKELIEST, ANSWERS.student, ANSWERS.labels).calibration
    assert found.uncalibrated != found.calibration
    assert confidence_in(json.loads(json.dumps(asdict(found)))) == found
    plain = confidence_of(BY_ACCURACY, LIKELIEST, ANSWERS.student, ANSWERS.labels, "why")
    assert (plain.uncalibrated, plain.note) == (None, "why")
    assert confidence_in(json.loads(json.dumps(asdict(plain)))) == plain
    assert confidence_in(None) is None


def test_several_labels_a_text_have_exact_match_and_their_metric() -> None:
    metric = set_metric_of(MetricConfig(kind="micro_f1"), NAMES, {})
    by, of = ANSWERS_OF_SETS.by_student, ANSWERS_OF_SETS
    found = confidence_of(metric, by, of.student, of.labels)
    assert found.covered[0].accuracy == 0.0
    assert found.covered[0].score == pytest.approx(metric.score(of.student, of.labels, by))
    assert found.area_under_risk_coverage == 1.0
