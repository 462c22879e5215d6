"""The score of logits if a text has several labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import AnyDecision, even, sigmoid
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.interval import wilson_interval
from distune.tuning.metric.metric import MetricError, average_precision, recall_at_precision, roc_auc, unknown_label
from distune.tuning.metric.set_thresholds import best_thresholds

Labels = NDArray[np.integer[Any]]
Logits = NDArray[np.floating[Any]]
Weights = NDArray[np.float64]
SEED = 7
DRAWS_AT_A_TIME = 50
N_SAMPLES, N_SAMPLES_OF_RANKS = 1000, 200
"""A score of ranks takes a thousand times as long as one of answers."""


@dataclass(frozen=True)
class SetMetric:
    """A metric over the labels of one corpus whose texts have several; `index` is the place of its own label among them, or None
    if it is of all. Unknown labels count nowhere."""

    config: MetricConfig
    index: int | None = None
    labels: tuple[str, ...] = ()

    @property
    def without_dev(self) -> AnyDecision | None:
        """The rule to answer by if nothing is chosen on dev; None if dev chooses it."""
        return even(len(self.labels)) if self.config.threshold == "none" else None

    @property
    def is_of_answers(self) -> bool:
        """Whether it depends on the answers alone, and not on how sure they are."""
        return self.config.kind in _OF_ANSWERS

    def decision(self, logits: Logits, labels: Labels) -> AnyDecision:
        """The rule to answer by whose score of these logits `[texts, labels]` is best."""
        return self.without_dev or best_thresholds(self.config, self.index, logits, labels)

    def score(self, logits: Logits, labels: Labels, decision: AnyDecision | None = None) -> float:
        """How right logits `[texts, labels]` are of labels of the same shape if they are answered by `decision`; more is better.

        Without a decision, it is the best one for these very texts: that is the score on dev.
        """
        decision = self.decision(logits, labels) if decision is None and self.is_of_answers else decision
        return float(self.scores(logits, labels, decision, np.ones((1, len(logits))))[0])

    def scores(self, logits: Logits, labels: Labels, decision: AnyDecision | None, weights: Weights) -> Weights:
        """The score `[samples]` under each row of weights `[samples, texts]`."""
        if self.is_of_answers:
            answers = (decision or even(logits.shape[1])).of_logits(logits)
            return _OF_ANSWERS[self.config.kind](self, answers, labels, weights)
        return np.array([_OF_LOGITS[self.config.kind](self, logits, labels, one) for one in weights])


def set_interval(
    metric: SetMetric, logits: Sequence[Logits], labels: Labels, decisions: Sequence[AnyDecision]
) -> tuple[float, float]:
    """The 95 % confidence interval of the mean score over seeds, each with logits `[texts, labels]` and its decision.

    That of exact match is Wilson's, as of an accuracy. For any other, each sample weighs the texts again, and holds the score under these weights (the Bayesian bootstrap, Rubin 1981). A
    draw of whole texts would leave rare labels without one.
    """
    if metric.config.is_share_of_texts:
        shares = [metric.score(one, labels, by) for one, by in zip(logits, decisions, strict=True)]
        return wilson_interval(float(np.mean(shares)), len(labels))
    n_samples = N_SAMPLES if metric.is_of_answers else N_SAMPLES_OF_RANKS
    generator, found = np.random.default_rng(SEED), []
    for start in range(0, n_samples, DRAWS_AT_A_TIME):
        weights = generator.exponential(size=(min(DRAWS_AT_A_TIME, n_samples - start), len(labels)))
        each = [metric.scores(one, labels, by, weights) for one, by in zip(logits, decisions, strict=True)]
        found.append(np.mean(each, axis=0))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return float(low), float(high)


def set_metric_of(config: MetricConfig, labels: Sequence[str], splits: Mapping[str, Labels]) -> SetMetric:
    """The metric of a corpus with these labels, several a text; `splits` are labels `[texts, labels]`, by name.

    Raises MetricError for a label that the corpus does not have, and for a split of which it cannot be computed.
    """
    if config.label is not None and config.label not in labels:
        raise unknown_label(config, labels)
    index = None if config.label is None else list(labels).index(config.label)
    for name, of_texts in splits.items():
        n_has, n_lacks = (of_texts == 1).sum(axis=0), (of_texts == 0).sum(axis=0)
        if index is not None and not n_has[index]:
            raise MetricError(
                f"metric: {config.title} cannot be computed of {name}, which has no text of {labels[index]!r}; take a larger "
                f"{name}, or another metric, such as macro_f1"
            )
        if not n_has.any() or (config.kind == "roc_auc" and not (n_has * n_lacks).any()):
            raise MetricError(f"metric: {config.title} cannot be computed of {name}, whose texts have no label at all")
    return SetMetric(config, index, tuple(labels))


def _counts(answers: Labels, labels: Labels, weights: Weights) -> tuple[Weights, Weights, Weights]:
    """True positives, answered texts and texts with the label, each `[samples, labels]`."""
    known, said, has = labels >= 0, answers == 1, labels == 1
    right, said_of, has_of = (weights @ one.astype(np.float64) for one in (said & has, said & known, has))
    return right, said_of, has_of


def _part(of: Weights, among: Weights) -> Weights:
    """A ratio, 0 of nothing."""
    return np.divide(of, among, out=np.zeros(np.shape(of)), where=among > 0)


def _f1(metric: SetMetric, answers: Labels, labels: Labels, weights: Weights) -> Weights:
    right, said, has = _counts(answers, labels, weights)
    return _part(2 * right, said + has)[:, metric.index]


def _macro_f1(metric: SetMetric, answers: Labels, labels: Labels, weights: Weights) -> Weights:
    right, said, has = _counts(answers, labels, weights)
    return np.asarray(_part(2 * right, said + has).mean(axis=1))


def _weighted_f1(metric: SetMetric, answers: Labels, labels: Labels, weights: Weights) -> Weights:
    right, said, has = _counts(answers, labels, weights)
    return np.asarray((_part(2 * right, said + has) * has).sum(axis=1) / has.sum(axis=1))


def _micro_f1(metric: SetMetric, answers: Labels, labels: Labels, weights: Weights) -> Weights:
    right, said, has = (one.sum(axis=1) for one in _counts(answers, labels, weights))
    return _part(2 * right, said + has)


def _exact_match(metric: SetMetric, answers: Labels, labels: Labels, weights: Weights) -> Weights:
    return np.asarray(weights @ is_right(answers, labels).astype(np.float64) / weights.sum(axis=1))


def is_right(answers: Labels, labels: Labels) -> NDArray[np.bool_]:
    """Whether all known labels of each text are answered rightly, `[texts]`."""
    right: NDArray[np.bool_] = ((answers == labels) | (labels < 0)).all(axis=1)
    return right


def _log_loss(metric: SetMetric, logits: Logits, labels: Labels, weights: Weights) -> float:
    """The mean log-probability of what is known."""
    logs = -np.logaddexp(0, np.where(labels == 1, -logits, logits).astype(np.float64))
    known = (labels >= 0) * weights[:, None]
    return float((logs * known).sum() / known.sum())


def _of_each_label(one: Any) -> Any:
    """The mean over labels of a score of their probabilities; a label that no text has, or all have, is left out."""

    def score(metric: SetMetric, logits: Logits, labels: Labels, weights: Weights) -> float:
        found = sigmoid(logits.astype(np.float64))
        scores = []
        for index in range(logits.shape[1]) if metric.index is None else (metric.index,):
            known, has = labels[:, index] >= 0, labels[:, index] == 1
            if has.any() and not has[known].all():
                scores.append(one(metric.config, has[known], found[known, index], weights[known]))
        return float(np.mean(scores))

    return score


_OF_ANSWERS = {
    "f1": _f1,
    "macro_f1": _macro_f1,
    "micro_f1": _micro_f1,
    "weighted_f1": _weighted_f1,
    "exact_match": _exact_match,
}
_OF_LOGITS = {
    "mean_average_precision": _of_each_label(average_precision),
    "pr_auc": _of_each_label(average_precision),
    "roc_auc": _of_each_label(roc_auc),
    "recall_at_precision": _of_each_label(recall_at_precision),
    "log_loss": _log_loss,
}
