"""Whether a student that answers no label of any text would be champion."""

from __future__ import annotations

import numpy as np

from distune.models.decision import even
from distune.tuning.metric.set_metric import Labels, Logits, SetMetric
from distune.tuning.metric.task import AnyMetric
from distune.tuning.study.rule import ROUNDING, ChampionConfig, least_score, percent


def about_no_label(rule: ChampionConfig, labels: Labels, teacher: Logits, metric: AnyMetric) -> list[str]:
    """The line about a ratio that a student keeps which answers no label of any dev text, by the labels of dev and the teacher's
    logits on it `[texts, labels]`.

    There is none if texts have one label, or if the metric is not of answers.
    """
    if rule.min_teacher_ratio is None or not isinstance(metric, SetMetric) or not metric.is_of_answers:
        return []
    nothing = np.full(labels.shape, -1.0, dtype=np.float32)
    score = metric.score(nothing, labels, even(labels.shape[1]))
    of_teacher = metric.score(teacher, labels)
    if not of_teacher or score < least_score(rule.min_teacher_ratio, of_teacher) - ROUNDING:
        return []  # Of a teacher with 0 another line says that every student meets the rule.
    title = metric.config.title
    return [
        f"champion.min_teacher_ratio: a student that answers no label of any text meets it: its dev {title} is {score:.4f}, and "
        f"{percent(rule.min_teacher_ratio)} of the teacher's {of_teacher:.4f} is enough; raise the ratio, or set metric to micro_f1 or macro_f1"
    ]
