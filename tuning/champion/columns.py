"""The figures of the models that a search compares, a column of its table for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import AnyDecision, Decision, same_answers
from distune.tuning.champion.confidence import Confidence
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.metric.interval import wilson_interval
from distune.tuning.metric.task import AnyMetric, task_of_metric
from distune.tuning.speed.figures import Latency

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Spread:
    """A mean and its sample standard deviation over seeds (0 for one value)."""

    mean: float
    sd: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}" if self.sd == 0 else f"{self.mean:.4f} ± {self.sd:.4f}"


@dataclass(frozen=True, kw_only=True)
class AtThreshold:
    """The threshold of a label, which dev has chosen, and the precision and recall of that label on test."""

    label: str
    threshold: Spread
    precision: Spread
    recall: Spread


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The quality of a model over its seeds: its scores by `metric`, its accuracy and macro-F1 on test, and the part of the
    test texts on which it agrees with the teacher."""

    metric: MetricConfig = ACCURACY
    dev_score: Spread
    test_score: Spread
    test_interval: tuple[float, float] | None = None
    """The 95 % confidence interval of the score on test; None if an older Distune did not compute it."""
    test_accuracy: Spread
    """If a text has several labels, this is the part of the texts whose labels are all right."""
    macro_f1: Spread
    micro_f1: Spread | None = None
    """None if a text has one label, whose micro-F1 is the accuracy."""
    agreement: Spread | None
    answered: AtThreshold | None = None
    """The figures of the label that is answered from a threshold on; None if the likeliest label always is."""

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has several labels."""
        return self.micro_f1 is not None

    @property
    def beside(self) -> dict[str, Spread]:
        """The scores on test that a table has in addition to that of the metric, by their kind."""
        if self.micro_f1 is None:
            return {"accuracy": self.test_accuracy, "macro_f1": self.macro_f1}
        return {"exact_match": self.test_accuracy, "micro_f1": self.micro_f1, "macro_f1": self.macro_f1}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The seed of a student that is kept, the best on dev: its own score on test, and the threshold by which it answers."""

    test_score: float
    threshold: float | None = None
    thresholds: dict[str, float] | None = None
    """The threshold of each label if a text has several."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model in the table; what could not be measured is None."""

    name: str
    quality: Quality
    n_parameters: int | None
    size_mb: float | None
    latency: Latency | None
    kept: Kept | None = None
    """The seed that is served; None for the teacher, and in results of an older Distune."""
    confidence: Confidence | None = None
    """The confidence of the teacher, and of the seed that is served; None for the student alone, and in results of an older
    Distune."""


def spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)


def quality(
    metric: AnyMetric,
    dev_scores: Sequence[float],
    test_logits: Sequence[Logits],
    test_labels: NDArray[np.integer[Any]],
    teacher: NDArray[np.int64] | None,
    decisions: Sequence[AnyDecision] | None = None,
) -> Quality:
    """The figures of quality of one model, one array of test logits for each seed, each answered by its decision.

    `teacher` are the teacher's answers on test. Without decisions the answer is what nothing chosen on dev decides. The
    interval of an accuracy or an exact match is Wilson's, that of any other metric is bootstrapped.
    """
    task = task_of_metric(metric)
    decisions = [task.undecided(one.shape[1]) for one in test_logits] if decisions is None else decisions
    predictions = [by.of_logits(logits) for by, logits in zip(decisions, test_logits, strict=True)]
    agreement = None if teacher is None else spread([float(same_answers(p, teacher).mean()) for p in predictions])
    beside = {
        config.kind: spread(_scores(task.build_metric(config, metric.labels, {}), test_logits, test_labels, decisions))
        for config in task.beside
    }
    return Quality(
        metric=metric.config,
        dev_score=spread(dev_scores),
        test_score=spread(_scores(metric, test_logits, test_labels, decisions)),
        test_interval=task.interval(metric, test_logits, test_labels, decisions),
        test_accuracy=beside[task.beside[0].kind],
        macro_f1=beside["macro_f1"],
        micro_f1=beside.get("micro_f1"),
        agreement=agreement,
        answered=_at_threshold(metric.labels, predictions, test_labels, decisions),
    )


def _scores(
    metric: AnyMetric,
    logits: Sequence[Logits],
    labels: NDArray[np.integer[Any]],
    decisions: Sequence[AnyDecision],
) -> list[float]:
    return [metric.score(one, labels, by) for one, by in zip(logits, decisions, strict=True)]


def _at_threshold(
    names: Sequence[str],
    predictions: Sequence[NDArray[np.int64]],
    labels: NDArray[np.integer[Any]],
    decisions: Sequence[AnyDecision],
) -> AtThreshold | None:
    found = [
        (by.answers_from, (answers == by.index), (labels == by.index))
        for answers, by in zip(predictions, decisions, strict=True)
        if isinstance(by, Decision) and by.threshold is not None
    ]
    if not found:
        return None
    index = next(by.index for by in decisions if isinstance(by, Decision) and by.threshold is not None)
    right = [float((said & true).sum()) for _, said, true in found]
    return AtThreshold(
        label=names[index],
        threshold=spread([threshold for threshold, _, _ in found if threshold is not None]),
        precision=spread([n / max(said.sum(), 1) for n, (_, said, _) in zip(right, found, strict=True)]),
        recall=spread([n / max(true.sum(), 1) for n, (_, _, true) in zip(right, found, strict=True)]),
    )


def interval_of(quality: Quality, n_test: int | None) -> tuple[float, float] | None:
    """The 95 % confidence interval of a score over `n_test` texts. An older Distune did not keep it: then that of an accuracy
    is computed, and any other is None."""
    if quality.test_interval is None and quality.metric.is_accuracy and n_test:
        return wilson_interval(quality.test_score.mean, n_test)
    return quality.test_interval
