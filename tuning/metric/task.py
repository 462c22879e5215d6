"""The task of a study: one label a text, or several. All that differs between the two is in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import ONE_LABEL, SEVERAL_LABELS, Labelling
from distune.models.decision import LIKELIEST, AnyDecision, even
from distune.tuning.metric.config import ACCURACY, MICRO_F1, MetricConfig
from distune.tuning.metric.interval import score_interval
from distune.tuning.metric.metric import Metric, MetricError, metric_of
from distune.tuning.metric.set_metric import SetMetric, is_right, set_interval, set_metric_of

Labels = NDArray[np.integer[Any]]
AnyMetric = Metric | SetMetric


@dataclass(frozen=True, kw_only=True)
class Task:
    """How labels are read and counted, how logits become answers, and by which metrics these are judged.

    The losses of both tasks are those of `losses.objective`, which takes `is_multi_label`.
    """

    labelling: Labelling
    usual_metric: MetricConfig
    """The metric of a study that names none."""
    beside: tuple[MetricConfig, ...]
    """The other metrics of a table, those of whole answers first."""
    undecided: Callable[[int], AnyDecision]
    """The rule to answer by if nothing is chosen on dev, of a number of labels."""
    build_metric: Callable[[MetricConfig, Sequence[str], Mapping[str, Any]], AnyMetric]
    interval: Callable[..., tuple[float, float]]
    """The 95 % confidence interval of a metric's mean score over seeds: of the metric, logits for each seed, labels, and the
    decision of each seed."""
    right: Callable[[Labels, Labels], NDArray[np.bool_]]
    """Whether the answer to each text is right altogether, `[texts]`, of answers and labels."""

    @property
    def is_multi_label(self) -> bool:
        return self.labelling.is_multi_label

    def metric(self, config: MetricConfig, labels: Sequence[str], splits: Mapping[str, Labels]) -> AnyMetric:
        """The metric of a corpus with these labels; `splits` are the labels of what it will be computed of, by name.

        Raises MetricError for a metric of the other task, for a label that the corpus does not have, and for a split of
        which it cannot be computed.
        """
        if fault := config.fault(self.is_multi_label):
            raise MetricError(fault)
        return self.build_metric(config, labels, splits)


def _equal(answers: Labels, labels: Labels) -> NDArray[np.bool_]:
    return np.asarray(answers == labels)


ONE_LABEL_A_TEXT = Task(
    labelling=ONE_LABEL,
    usual_metric=ACCURACY,
    beside=(ACCURACY, MetricConfig(kind="macro_f1", threshold="none")),
    undecided=lambda n_labels: LIKELIEST,
    build_metric=metric_of,
    interval=score_interval,
    right=_equal,
)
SEVERAL_LABELS_A_TEXT = Task(
    labelling=SEVERAL_LABELS,
    usual_metric=MICRO_F1,
    beside=(
        MetricConfig(kind="exact_match"),
        MetricConfig(kind="micro_f1", threshold="none"),
        MetricConfig(kind="macro_f1", threshold="none"),
    ),
    undecided=even,
    build_metric=set_metric_of,
    interval=set_interval,
    right=is_right,
)
TASKS = (ONE_LABEL_A_TEXT, SEVERAL_LABELS_A_TEXT)


def task_of(is_multi_label: bool) -> Task:
    return SEVERAL_LABELS_A_TEXT if is_multi_label else ONE_LABEL_A_TEXT


def task_of_metric(metric: AnyMetric) -> Task:
    return task_of(isinstance(metric, SetMetric))
