"""The threshold of a label: chosen on dev by hand and as scikit-learn scores it, and what it decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from distune.corpora.split import Split
from distune.models.decision import LIKELIEST, Decision, decision_of, softmax
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import MetricError, metric_of
from distune.tuning.metric.set_metric import set_metric_of
from distune.tuning.study.rule import ChampionConfig, rule_terms
from distune.tuning.teachers.assumed import of_threshold

NAMES = ("ham", "spam")
DEV = Split(("a", "b"), np.array([0, 1]))
# The probability of spam, and what each text is.
P = np.array([0.9, 0.4, 0.35, 0.2, 0.1])
IS_SPAM = np.array([1, 1, 0, 1, 0])
LOGITS = np.log(np.stack([1 - P, P], axis=1)).astype(np.float32)


def chosen(given: Any) -> Decision:
    return metric_of(MetricConfig.model_validate(given), NAMES, {"dev": IS_SPAM}).decision(LOGITS, IS_SPAM)


@pytest.mark.parametrize(
    ("given", "threshold"),
    [
        # From 0.4 on: 2 right, 0 wrong, 1 missed, F1 4/5. From 0.2 on: 3 right, 1 wrong, F1 6/7: half-way between 0.2 and 0.1.
        ({"f1": "spam"}, 0.15),
        # A precision of 1 holds down to 0.4: half-way between 0.4 and 0.35.
        ({"recall_at_precision": {"label": "spam", "precision": 1.0}}, 0.375),
        ({"recall_at_precision": {"label": "spam", "precision": 0.75}}, 0.15),
        # 4 of 5 right from 0.4 on as well as from 0.2 on: the nearer to 0.5 is taken.
        ({"accuracy": {"threshold": "on_dev"}}, 0.375),
        # Recalls: 2/3 and 1 from 0.4 on (5/6), 1 and 1/2 from 0.2 on (3/4).
        ("balanced_accuracy", 0.375),
        # From 0.4 on: F1 4/5 and 4/5. From 0.2 on: 6/7 and 2/3.
        ("macro_f1", 0.375),
        # From 0.4 on: (2*2 - 0*1) / sqrt(2*3*2*3) = 2/3. From 0.2 on: (3*1 - 1*0) / sqrt(4*3*1*2) = 0.61.
        ("mcc", 0.375),
        # 3/5 * 4/5 + 2/5 * 4/5 = 0.8 against 3/5 * 6/7 + 2/5 * 2/3 = 0.78.
        ("weighted_f1", 0.375),
    ],
    ids=str,
)
def test_the_threshold_is_the_best_on_dev_half_way_between_two_texts(given: Any, threshold: float) -> None:
    found = chosen(given)
    assert found.index == 1
    assert found.threshold == pytest.approx(threshold, abs=1e-6)


@pytest.mark.parametrize("kind", ["macro_f1", "weighted_f1", "mcc", "balanced_accuracy", "accuracy", "f1"])
def test_no_other_threshold_scores_better_by_scikit_learn(kind: str) -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 60)
    logits = rng.normal(size=(60, 2)).astype(np.float32) + 0.7 * np.eye(2, dtype=np.float32)[labels]
    settings = {"threshold": "on_dev"} | ({"label": "spam"} if kind == "f1" else {})
    metric = metric_of(MetricConfig.model_validate({kind: settings}), NAMES, {"dev": labels})
    best = metric.score(logits, labels)
    assert best > metric.score(logits, labels, LIKELIEST) - 1e-9
    cuts = softmax(logits)[:, 1].tolist()
    assert best == pytest.approx(max(metric.score(logits, labels, Decision(1, cut)) for cut in cuts))
    assert best == metric.score(logits, labels, metric.decision(logits, labels))


def test_of_accuracy_and_of_probabilities_the_likeliest_label_is_answered() -> None:
    for given in ("accuracy", "roc_auc", "pr_auc", "log_loss", {"f1": {"label": "spam", "threshold": "none"}}):
        assert chosen(given) == LIKELIEST


def test_with_three_labels_a_metric_of_all_has_no_threshold_and_that_of_one_label_has() -> None:
    labels, names = np.array([0, 1, 2]), ("a", "b", "c")
    logits = np.log(np.array([[0.6, 0.3, 0.1], [0.5, 0.35, 0.15], [0.2, 0.1, 0.7]], np.float32))
    assert metric_of(MetricConfig(kind="macro_f1"), names, {"dev": labels}).decision(logits, labels) == LIKELIEST
    of_b = metric_of(MetricConfig(kind="f1", label="b"), names, {"dev": labels}).decision(logits, labels)
    assert of_b.threshold == pytest.approx(0.325)
    assert of_b.of_logits(logits).tolist() == [0, 1, 2]


def test_a_precision_that_no_threshold_reaches_leaves_the_likeliest_label() -> None:
    surest_is_ham = {"recall_at_precision": {"label": "ham", "precision": 0.99}}
    labels = np.array([0, 0, 0, 1, 1])  # The least likely spam are spam.
    metric = metric_of(MetricConfig.model_validate(surest_is_ham), NAMES, {"dev": labels})
    assert metric.decision(LOGITS, labels) == LIKELIEST
    assert metric.score(LOGITS, labels) == 0


def test_from_the_threshold_on_the_label_is_answered_and_else_the_likeliest_other() -> None:
    decision = Decision(2, 0.3)
    probabilities = np.array([[0.6, 0.1, 0.3], [0.1, 0.61, 0.29], [0.2, 0.1, 0.7]], np.float32)
    assert decision.of_probabilities(probabilities + np.array([0, 0, 1e-6], np.float32)).tolist() == [2, 1, 2]
    # A label that is the likeliest, and yet below its threshold.
    assert Decision(2, 0.8).of_logits(np.log(probabilities)).tolist() == [0, 1, 0]
    assert LIKELIEST.of_logits(np.log(probabilities)).tolist() == [0, 1, 2]


def test_a_threshold_is_kept_by_the_name_of_its_label() -> None:
    kept = Decision(1, 0.25).named(NAMES)
    assert kept == {"spam": 0.25}
    assert decision_of(kept, ("spam", "ham")) == Decision(0, 0.25)
    assert decision_of(LIKELIEST.named(NAMES), NAMES) == LIKELIEST


@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        ({"spam": 1.5}, "the threshold of 'spam' must be a probability, but got 1.5"),
        ({"spam": "0.5"}, "must be a probability, but got '0.5'"),
        ({"spam": float("nan")}, "must be a probability, but got nan"),
        ({"eggs": 0.5}, "must name one of the labels, but got ['eggs']"),
        ({"spam": 0.5, "ham": 0.5}, "must name one of the labels, but got ['spam', 'ham']"),
    ],
    ids=str,
)
def test_a_damaged_threshold_is_refused(kept: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace("[", r"\[").replace("]", r"\]")):
        decision_of(kept, NAMES)


def test_a_threshold_that_cannot_be_chosen_is_refused() -> None:
    with pytest.raises(MetricError, match="cannot be computed of dev, which has no text of 'spam'; take a larger dev"):
        metric_of(MetricConfig(kind="macro_f1"), NAMES, {"dev": np.zeros(3, np.int64)})
    with pytest.raises(ValidationError, match="roc_auc is of probabilities and not of answers"):
        MetricConfig.model_validate({"roc_auc": {"threshold": "on_dev"}})


def test_scores_at_a_threshold_are_no_terms_of_those_without() -> None:
    rule = ChampionConfig(min_teacher_ratio=0.9)
    at, without = (MetricConfig(kind="macro_f1", threshold=one) for one in ("on_dev", "none"))
    assert rule_terms(rule, at) == f"{rule_terms(rule, without)}, at a threshold chosen on dev"


def test_the_label_that_is_answered_from_a_threshold_on_is_told() -> None:
    (told,) = of_threshold(metric_of(MetricConfig(kind="f1", label="spam"), NAMES, {}), DEV.labels)
    assert told.startswith("metric: students answer 'spam' from a probability on that is chosen on dev by F1 of spam;")
    assert of_threshold(metric_of(MetricConfig(), NAMES, {}), DEV.labels) == []


@pytest.mark.parametrize("kind", ["exact_match", "mean_average_precision", "roc_auc", "pr_auc", "log_loss"])
def test_a_metric_of_several_labels_that_chooses_no_threshold_is_told(kind: Any) -> None:
    config = MetricConfig(kind=kind)
    labels = np.array([[1, 0], [0, 1]], dtype=np.int8)
    (told,) = of_threshold(set_metric_of(config, ("late", "broken"), {}), labels)
    assert told.startswith(
        f"metric: {config.title} chooses no thresholds, so each label is answered from 0.5 on, and a rare one may never be."
    )
    chosen = set_metric_of(MetricConfig(kind="micro_f1", threshold="none"), ("late", "broken"), {})
    assert of_threshold(chosen, labels) == []
