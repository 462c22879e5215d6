"""The score of logits against labels by the metric of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import LIKELIEST, AnyDecision
from distune.models.logits import probabilities
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.metric.counts import scores_of_counts
from distune.tuning.metric.threshold import best_decision

Labels = NDArray[np.integer[Any]]
Logits = NDArray[np.floating[Any]]
RANKS = ("roc_auc", "pr_auc", "recall_at_precision")
"""The metrics that look at how texts are ordered by a probability, and not at the label with the largest."""


class MetricError(ValueError):
    """A metric that cannot be computed of this corpus."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True)
class Metric:
    """A metric over the labels of one corpus; `index` is the place of its own label among them, or None if it is of all.

    `threshold_index` is the place of the label that is answered from a threshold on, None if the likeliest always is.
    `labels` are those of the corpus.
    """

    config: MetricConfig = ACCURACY
    index: int | None = None
    threshold_index: int | None = None
    labels: tuple[str, ...] = ()

    def decision(self, logits: Logits, labels: Labels) -> AnyDecision:
        """The rule to answer by whose score of these logits `[texts, classes]` is best."""
        if self.threshold_index is None:
            return LIKELIEST
        return best_decision(self.config, self.threshold_index, logits, labels)

    def score(self, logits: Logits, labels: Labels, decision: AnyDecision | None = None) -> float:
        """How right logits `[texts, classes]` are of labels `[texts]` if they are answered by `decision`; more is better.

        Without a decision, it is the best one for these very texts: that is the score on dev. A score on test needs the
        decision of dev. The rules are those of scikit-learn with every class of the corpus counted, also one that no text
        has: its F1 is 0.
        """
        kind = self.config.kind
        if not self.is_of_answers:
            return float(_OF_LOGITS[kind](self, logits, labels))
        decision = self.decision(logits, labels) if decision is None else decision
        answers = decision.of_logits(logits)
        if self.config.is_accuracy:
            return float((answers == labels).mean())
        return float(_OF_ANSWERS[kind](self, answers, labels, logits.shape[1]))

    @property
    def without_dev(self) -> AnyDecision | None:
        """The rule to answer by if nothing is chosen on dev; None if dev chooses it."""
        return LIKELIEST if self.threshold_index is None else None

    @property
    def is_of_answers(self) -> bool:
        """Whether it depends on the answers alone, and not on how sure they are."""
        return self.config.kind not in _OF_LOGITS

    def scores(self, counts: Labels) -> NDArray[np.float64]:
        """The scores `[...]` of confusion matrices `[..., label, answer]`, if it is of answers."""
        return scores_of_counts(self.config, counts, self.index)

    def classes(self, n_classes: int) -> Sequence[int]:
        return range(n_classes) if self.index is None else (self.index,)


BY_ACCURACY = Metric()


def metric_of(config: MetricConfig, labels: Sequence[str], splits: Mapping[str, Labels]) -> Metric:
    """The metric of a corpus with these labels; `splits` are the labels `[texts]` of what it will be computed of, by name.

    Raises MetricError for a label that the corpus does not have, and for a split of which it cannot be computed.
    """
    if config.label is not None and config.label not in labels:
        raise unknown_label(config, labels)
    index = None if config.label is None else labels.index(config.label)
    second = 1 if len(labels) == 2 else None
    metric = Metric(
        config, index, None if config.threshold == "none" else second if index is None else index, tuple(labels)
    )
    is_ranked = config.kind in RANKS
    if config.label is None and not is_ranked and metric.threshold_index is None:
        return metric
    needed = metric.classes(len(labels)) if metric.threshold_index is None or is_ranked else (metric.threshold_index,)
    for name, of_texts in splits.items():
        counts = np.bincount(of_texts, minlength=len(labels))
        for index in needed:
            if counts[index] == 0 or (is_ranked and counts[index] == len(of_texts)):
                amount = "no text" if counts[index] == 0 else "nothing but texts"
                raise MetricError(
                    f"metric: {config.title} cannot be computed of {name}, which has {amount} of {labels[index]!r}; take "
                    f"a larger {name}, or another metric, such as macro_f1"
                )
    return metric


def unknown_label(config: MetricConfig, labels: Sequence[str]) -> MetricError:
    shown = ", ".join(map(repr, labels[:20])) + (", ..." if len(labels) > 20 else "")
    return MetricError(f"metric.label: {config.label!r} is no label of the corpus, whose labels are {shown}")


def _f1(average: str) -> Any:
    def score(metric: Metric, answers: Labels, labels: Labels, n_classes: int) -> float:
        from sklearn.metrics import f1_score

        classes = list(metric.classes(n_classes))
        return float(f1_score(labels, answers, labels=classes, average=average, zero_division=0.0))

    return score


def _mcc(metric: Metric, answers: Labels, labels: Labels, n_classes: int) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(labels, answers))


def _balanced_accuracy(metric: Metric, answers: Labels, labels: Labels, n_classes: int) -> float:
    """The mean recall of the classes that texts have. `balanced_accuracy_score` warns if an answer is a class that no text has."""
    from sklearn.metrics import recall_score

    return float(recall_score(labels, answers, labels=np.unique(labels), average="macro"))


def _log_loss(metric: Metric, logits: Logits, labels: Labels) -> float:
    from sklearn.metrics import log_loss

    return -float(log_loss(labels, probabilities(logits), labels=range(logits.shape[1])))


def _of_each_label(one: Any) -> Any:
    """The mean over labels, each against all others, of a score of its probabilities."""

    def score(metric: Metric, logits: Logits, labels: Labels) -> float:
        found = probabilities(logits)
        return float(
            np.mean([one(metric.config, labels == index, found[:, index]) for index in metric.classes(logits.shape[1])])
        )

    return score


def roc_auc(
    config: MetricConfig, is_label: NDArray[np.bool_], probability: NDArray[np.float64], weights: Any = None
) -> float:
    """The area under the ROC curve of one label `[texts]`; `weights` are those of the texts."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_label, probability, sample_weight=weights))


def average_precision(
    config: MetricConfig, is_label: NDArray[np.bool_], probability: NDArray[np.float64], weights: Any = None
) -> float:
    """The average precision of one label: the precision at each threshold, weighed by the recall that it adds."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(is_label, probability, sample_weight=weights))


def recall_at_precision(
    config: MetricConfig, is_label: NDArray[np.bool_], probability: NDArray[np.float64], weights: Any = None
) -> float:
    """The largest recall of one label at the precision of the metric."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(is_label, probability, sample_weight=weights)
    # The last point, of precision 1 and recall 0, belongs to no threshold.
    reaches = precision[:-1] >= (config.precision or 1.0)
    return float(recall[:-1][reaches].max(initial=0.0))


_OF_ANSWERS = {
    "macro_f1": _f1("macro"),
    "weighted_f1": _f1("weighted"),
    "f1": _f1("macro"),
    "mcc": _mcc,
    "balanced_accuracy": _balanced_accuracy,
}
_OF_LOGITS = {
    "roc_auc": _of_each_label(roc_auc),
    "pr_auc": _of_each_label(average_precision),
    "recall_at_precision": _of_each_label(recall_at_precision),
    "log_loss": _log_loss,
}
