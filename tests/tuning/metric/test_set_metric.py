"""Metrics and thresholds of texts with several labels, by hand and against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from distune.models.decision import EachLabel, even, sigmoid
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import MetricError
from distune.tuning.metric.set_metric import SetMetric, is_right, set_interval, set_metric_of

NAMES = ("a", "b")


def logit(p: Any) -> Any:
    p = np.asarray(p)
    return np.log(p / (1 - p)).astype(np.float32)


# Text by text: the probabilities of both labels, and the labels.
P = np.array([[0.9, 0.2], [0.6, 0.3], [0.4, 0.8], [0.3, 0.1]])
HAS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.int8)


def metric(given: Any, labels: Any = HAS) -> SetMetric:
    return set_metric_of(MetricConfig.model_validate(given), NAMES, {"dev": labels})


@pytest.mark.parametrize(
    ("given", "score"),
    [
        # At 0.5: a is answered for texts 1 and 2 (one right of two, one of two found), b for text 3 alone (right, one of two found).
        ({"micro_f1": {"threshold": "none"}}, 2 * 2 / (3 + 4)),
        ({"macro_f1": {"threshold": "none"}}, (1 / 2 + 2 / 3) / 2),
        ({"f1": {"label": "b", "threshold": "none"}}, 2 / 3),
        # Texts 1 and 4 are right in both labels.
        ("exact_match", 1 / 2),
    ],
    ids=str,
)
def test_scores_at_even_thresholds_by_hand(given: Any, score: float) -> None:
    assert metric(given).score(logit(P), HAS) == pytest.approx(score)


@pytest.mark.parametrize(
    ("given", "thresholds"),
    [
        # a: from 0.9 on F1 2/3, from 0.6 on 1/2, from 0.4 on 4/5 (half-way to 0.3). b: from 0.8 on 2/3, from 0.3 on 1.
        ("macro_f1", (0.35, 0.25)),
        ({"f1": "a"}, (0.35, 0.25)),
        # a at a precision of 1: from 0.9 on, half-way to 0.6; b by its F1.
        ({"recall_at_precision": {"label": "a", "precision": 1.0}}, (0.75, 0.25)),
    ],
    ids=str,
)
def test_each_label_has_its_own_threshold_half_way_between_two_texts(given: Any, thresholds: Any) -> None:
    decision = metric(given).decision(logit(P), HAS)
    assert isinstance(decision, EachLabel)
    assert decision.thresholds == pytest.approx(thresholds, abs=1e-6)


def test_a_label_that_dev_does_not_have_keeps_an_even_threshold() -> None:
    labels = HAS.copy()
    labels[:, 1] = 0
    decision = metric("macro_f1", labels).decision(logit(P), labels)
    assert isinstance(decision, EachLabel)
    assert decision.thresholds[1] == 0.5


def test_no_thresholds_have_a_better_micro_f1_than_those_that_dev_chooses() -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random((20, 2)) < [0.2, 0.5]).astype(np.int8)
    logits = (rng.normal(size=(20, 2)) * 1.5 + labels - 0.5).astype(np.float32)
    of_micro = metric("micro_f1", labels)
    chosen = of_micro.score(logits, labels)
    cuts = [np.unique(column) for column in sigmoid(logits).T]
    best = max(
        f1_score(labels, EachLabel((float(one), float(other))).of_logits(logits), average="micro", zero_division=0.0)
        for one in cuts[0]
        for other in cuts[1]
    )
    assert chosen == pytest.approx(best)


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random((50, 2)) < 0.3).astype(np.int8)
    logits = (rng.normal(size=(50, 2)) + labels).astype(np.float32)
    p, answers = sigmoid(logits.astype(np.float64)), even(2).of_logits(logits)
    for average in ("micro", "macro", "weighted"):
        found = metric({f"{average}_f1": {"threshold": "none"}}, labels).score(logits, labels)
        assert found == pytest.approx(f1_score(labels, answers, average=average, zero_division=0.0))
    assert metric("mean_average_precision", labels).score(logits, labels) == pytest.approx(
        average_precision_score(labels, p, average="macro")
    )
    assert metric("roc_auc", labels).score(logits, labels) == pytest.approx(roc_auc_score(labels, p, average="macro"))
    by_label = [log_loss(labels[:, i], p[:, i]) for i in range(2)]
    assert metric("log_loss", labels).score(logits, labels) == pytest.approx(-np.mean(by_label))


@pytest.mark.parametrize(
    "kind", ["micro_f1", "macro_f1", "weighted_f1", "exact_match", "mean_average_precision", "log_loss"]
)
def test_what_is_unknown_counts_nowhere(kind: str) -> None:
    labels = HAS.copy()
    labels[1, 0] = labels[3, 1] = -1
    of_kind, logits = metric({kind: {}} if kind else kind), logit(P)
    other = logits.copy()
    other[1, 0], other[3, 1] = 5.0, 5.0  # Whatever a student says there, its score is the same.
    assert of_kind.score(logits, labels, even(2)) == pytest.approx(of_kind.score(other, labels, even(2)))


def test_an_answer_is_right_if_every_known_label_is() -> None:
    answers = np.array([[1, 0], [1, 1], [0, 1]])
    assert is_right(answers, np.array([[1, 0], [1, 0], [-1, 1]])).tolist() == [True, False, True]


def test_labels_without_a_text_are_left_out_of_the_mean_of_ranks_and_count_as_0_in_macro_f1() -> None:
    labels = HAS.copy()
    labels[:, 1] = 0
    assert metric("mean_average_precision", labels).score(logit(P), labels) == pytest.approx(
        average_precision_score(labels[:, 0], P[:, 0])
    )
    assert metric({"macro_f1": {"threshold": "none"}}, labels).score(logit(P), labels) == pytest.approx(0.25)


def test_an_interval_of_a_sure_model_is_one_point_and_of_a_rare_label_is_never_empty() -> None:
    labels = np.zeros((50, 2), dtype=np.int8)
    labels[:, 0], labels[0, 1] = np.arange(50) % 2, 1
    logits = np.where(labels == 1, 3.0, -3.0).astype(np.float32)
    assert set_interval(metric("macro_f1", labels), [logits], labels, [even(2)]) == (1.0, 1.0)


def test_a_split_whose_texts_have_no_label_at_all_is_refused() -> None:
    with pytest.raises(MetricError, match="micro-F1 cannot be computed of dev, whose texts have no label at all"):
        metric("micro_f1", np.zeros((4, 2), dtype=np.int8))


def test_exact_match_has_no_thresholds_of_single_labels() -> None:
    config = MetricConfig.model_validate({"exact_match": {"threshold": "on_dev"}})
    assert "set threshold: none, or take micro_f1" in config.fault(is_multi_label=True)


def test_the_interval_of_an_exact_match_is_wilsons() -> None:
    labels = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.int8)
    logits = np.where(labels == 1, 5.0, -5.0).astype(np.float32)
    low, high = set_interval(metric("exact_match", labels), [logits], labels, [even(2)])
    assert low == pytest.approx(4 / (4 + 1.959964**2), abs=1e-4)
    assert high == pytest.approx(1.0)
