"""Each metric against values computed by hand, and all of them against the same contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from distune.models.decision import LIKELIEST
from distune.tuning.metric.config import KINDS, OF_SEVERAL_LABELS, MetricConfig
from distune.tuning.metric.interval import bootstrap_interval
from distune.tuning.metric.metric import MetricError, metric_of

LABELS = np.array([0, 0, 0, 1, 1, 2])
NAMES = ("bill", "refund", "spam")
# Says 0 0 1 1 2 2: bill twice right of three, refund once of two, spam once of one.
LOGITS = np.log(
    np.array(
        [
            [0.8, 0.1, 0.1],
            [0.6, 0.3, 0.1],
            [0.3, 0.4, 0.3],
            [0.2, 0.7, 0.1],
            [0.1, 0.2, 0.7],
            [0.1, 0.1, 0.8],
        ],
        dtype=np.float32,
    )
)
BY_HAND: list[tuple[Any, float]] = [
    ("accuracy", 4 / 6),
    # F1: bill 2*2/(3+2) = 4/5, refund 2*1/(2+2) = 1/2, spam 2*1/(1+2) = 2/3.
    ("macro_f1", (4 / 5 + 1 / 2 + 2 / 3) / 3),
    ("weighted_f1", (3 * 4 / 5 + 2 * 1 / 2 + 1 * 2 / 3) / 6),
    ({"f1": {"label": "refund", "threshold": "none"}}, 1 / 2),
    # Answered from 0.7 on, refund is right once and missed once: 2*1/(1+2). From 0.2 on, twice right of four: 2*2/(4+2).
    ({"f1": "refund"}, 2 / 3),
    # Recall: 2/3, 1/2, 1.
    ("balanced_accuracy", (2 / 3 + 1 / 2 + 1) / 3),
    # Gorodkin's R_K: (c s - sum p t) / sqrt((s² - sum p²)(s² - sum t²)) with c = 4, s = 6, p = (2, 2, 2), t = (3, 2, 1).
    ("mcc", (4 * 6 - 12) / ((36 - 12) * (36 - 14)) ** 0.5),
    # Of refund: 0.7 and 0.2 against 0.1, 0.3, 0.4, 0.1. 0.7 is above all four, 0.2 above two: 6 of 8 pairs.
    ({"roc_auc": "refund"}, 6 / 8),
    # Of spam: 0.8 against 0.1, 0.1, 0.3, 0.1, 0.7: above all. Of bill: 0.8, 0.6, 0.3 above 0.2, 0.1, 0.1: all.
    ("roc_auc", (1 + 6 / 8 + 1) / 3),
    # Of refund, from the surest: 0.7 is refund (precision 1, half of the recall), 0.4 and 0.3 are not, 0.2 is (2 of 4).
    ({"pr_auc": "refund"}, 0.5 * 1 + 0.5 * 2 / 4),
    # A precision of 0.9 is reached by the threshold 0.7 alone, where the recall is one of two.
    ({"recall_at_precision": {"label": "refund", "precision": 0.9}}, 0.5),
    ({"recall_at_precision": {"label": "refund", "precision": 0.5}}, 1.0),
    ("log_loss", float(np.log([0.8, 0.6, 0.3, 0.7, 0.2, 0.8]).mean())),
]


@pytest.mark.parametrize(("given", "score"), BY_HAND, ids=str)
def test_a_score_is_what_it_is_by_hand(given: Any, score: float) -> None:
    config = MetricConfig.model_validate(given)
    assert metric_of(config, NAMES, {"dev": LABELS}).score(LOGITS, LABELS) == pytest.approx(score, abs=1e-6)


def test_every_metric_is_computed_by_hand() -> None:
    assert {MetricConfig.model_validate(given).kind for given, _ in BY_HAND} == set(KINDS) - set(OF_SEVERAL_LABELS)


@pytest.mark.parametrize("given", [given for given, _ in BY_HAND], ids=str)
def test_more_is_better_and_other_units_of_the_logits_change_no_order(given: Any) -> None:
    metric = metric_of(MetricConfig.model_validate(given), NAMES, {"dev": LABELS})
    perfect = 9 * np.eye(3, dtype=np.float32)[LABELS]
    wrong = 9 * np.eye(3, dtype=np.float32)[(LABELS + 1) % 3]
    assert metric.score(perfect, LABELS) >= metric.score(LOGITS, LABELS) > metric.score(wrong, LABELS)
    # A constant that is added to all logits of a text says nothing.
    assert metric.score(LOGITS + 5, LABELS) == pytest.approx(metric.score(LOGITS, LABELS))


@pytest.mark.parametrize("given", [given for given, _ in BY_HAND], ids=str)
def test_the_bootstrapped_interval_holds_the_score(given: Any) -> None:
    metric = metric_of(MetricConfig.model_validate(given), NAMES, {"dev": LABELS})
    low, high = bootstrap_interval(metric, [LOGITS], LABELS, n_samples=50)
    assert low <= metric.score(LOGITS, LABELS) <= high
    assert bootstrap_interval(metric, [LOGITS], LABELS, n_samples=50) == (low, high)


@pytest.mark.parametrize("kind", ["accuracy", "macro_f1", "weighted_f1", "f1", "mcc", "balanced_accuracy"])
def test_many_confusion_matrices_score_as_scikit_learn_scores_one(kind: str) -> None:
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 3, (20, 9)), rng.normal(size=(20, 9, 4)).astype(np.float32)
    labels[:4] = 1  # All texts are of one label; the fourth has none in any draw.
    logits[2:6, :, 2] = 9  # All are answered alike.
    settings = {"threshold": "none"} | ({"label": "bill"} if kind == "f1" else {})
    metric = metric_of(MetricConfig.model_validate({kind: settings}), (*NAMES, "other"), {})
    pairs = labels * 4 + logits.argmax(-1)
    counts = np.stack([np.bincount(one, minlength=16).reshape(4, 4) for one in pairs])
    expected = [metric.score(one, of, LIKELIEST) for one, of in zip(logits, labels, strict=True)]
    assert metric.scores(counts).tolist() == pytest.approx(expected)


def test_the_bootstrapped_interval_of_an_accuracy_is_nearly_that_of_the_binomial() -> None:
    # 80 of 100 right: 0.8 ± 1.96 sqrt(0.8 * 0.2 / 100) = 0.8 ± 0.0784.
    labels = np.zeros(100, dtype=np.int64)
    logits = np.array([[1, 0]] * 80 + [[0, 1]] * 20, dtype=np.float32)
    metric = metric_of(MetricConfig(kind="accuracy"), ("a", "b"), {})
    assert bootstrap_interval(metric, [logits], labels) == pytest.approx((0.7216, 0.8784), abs=0.02)


def test_a_class_that_nobody_has_counts_as_zero_in_macro_f1_and_not_in_balanced_accuracy() -> None:
    labels, logits = np.array([0, 1]), np.eye(3, dtype=np.float32)[[0, 1]]
    assert metric_of(MetricConfig(kind="macro_f1"), NAMES, {}).score(logits, labels) == pytest.approx(2 / 3)
    assert metric_of(MetricConfig(kind="balanced_accuracy"), NAMES, {}).score(logits, labels) == 1
    # Answered, though no text has it.
    assert metric_of(MetricConfig(kind="balanced_accuracy"), NAMES, {}).score(logits[:, [2, 1, 0]], labels) == 0.5


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("macro_f1", "macro-F1"),
        ({"f1": "退款"}, "F1 of 退款"),
        ({"f1": 1}, "F1 of 1"),
        ({"kind": "f1", "label": "a"}, "F1 of a"),
        ({"recall_at_precision": {"label": "spam", "precision": 0.99}}, "recall of spam at precision 0.99"),
        ({"log_loss": {}}, "negative log loss"),
        ({}, "accuracy"),
    ],
)
def test_a_metric_is_written_short_or_long(given: Any, title: str) -> None:
    config = MetricConfig.model_validate(given)
    assert config.title == title
    assert MetricConfig.model_validate(config.model_dump(exclude_none=True)) == config


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("f1", "f1 needs the label that it is of, such as {f1: LABEL}"),
        (
            {"recall_at_precision": "spam"},
            "recall_at_precision needs the precision, such as {recall_at_precision: {label: spam,",
        ),
        ({"macro_f1": "spam"}, "macro_f1 is of all labels together and takes none, but got label='spam'"),
        ({"f1": {"label": "a", "precision": 0.5}}, "f1 takes no precision, but got precision=0.5"),
        ({"recall_at_precision": {"label": "a", "precision": 0}}, "greater than 0"),
        ("f2", "'accuracy', 'macro_f1'"),
        ({"f1": True}, "valid string"),
        ({"f1": "a", "mcc": "b"}, "f1"),
    ],
    ids=str,
)
def test_a_metric_that_cannot_be_is_refused(given: Any, fault: str) -> None:
    with pytest.raises(ValidationError) as error:
        MetricConfig.model_validate(given)
    assert fault in str(error.value)


@pytest.mark.parametrize(
    ("given", "labels", "fault"),
    [
        (
            {"f1": "Spam"},
            LABELS,
            "metric.label: 'Spam' is no label of the corpus, whose labels are 'bill', 'refund', 'spam'",
        ),
        ({"f1": "spam"}, [0, 1], "metric: F1 of spam cannot be computed of dev, which has no text of 'spam'"),
        (
            {"roc_auc": "bill"},
            [0, 0],
            "metric: ROC AUC of bill cannot be computed of dev, which has nothing but texts of 'bill'",
        ),
        ("pr_auc", [0, 1], "metric: PR AUC cannot be computed of dev, which has no text of 'spam'"),
    ],
)
def test_a_metric_that_the_corpus_cannot_have_is_refused(given: Any, labels: Any, fault: str) -> None:
    with pytest.raises(MetricError) as error:
        metric_of(MetricConfig.model_validate(given), NAMES, {"dev": np.array(labels)})
    assert str(error.value).startswith(fault)
