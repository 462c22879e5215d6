"""Whether a student that answers no label of any text would be champion."""

from __future__ import annotations

import numpy as np

from distune.corpora.corpus import Corpus
from distune.models.decision import even
from distune.tuning.metric.set_metric import Logits, SetMetric
from distune.tuning.metric.task import AnyMetric
from distune.tuning.study.rule import ROUNDING, ChampionConfig, least_score, percent


def about_no_label(rule: ChampionConfig, corpus: Corpus, teacher: Logits, metric: AnyMetric) -> list[str]:
    """The line about a ratio that a student keeps which answers no label of any dev text, by the teacher's logits on dev `[texts, labels]`.

    There is none if texts have one label, or if the metric is not of answers.
    """
    if rule.min_teacher_ratio is None or not isinstance(metric, SetMetric) or not metric.is_of_answers:
        return []
    n_labels = len(corpus.labels)
    nothing = np.full((len(corpus.dev), n_labels), -1.0, dtype=np.float32)
    score = metric.score(nothing, corpus.dev.labels, even(n_labels))
    of_teacher = metric.score(teacher, corpus.dev.labels)
    if not of_teacher or score < least_score(rule.min_teacher_ratio, of_teacher) - ROUNDING:
        return []  # Of a teacher with 0 another line says that every student meets the rule.
    title = metric.config.title
    return [
        f"champion.min_teacher_ratio: a student that answers no label of any text meets it: its dev {title} is {score:.4f}, and "
        f"{percent(rule.min_teacher_ratio)} of the teacher's {of_teacher:.4f} is enough; raise the ratio, or set metric to micro_f1 or macro_f1"
    ]
