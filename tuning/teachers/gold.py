"""How right the answers of a teacher are by the labels of people on dev, and how exactly dev and test tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distune._plural import n_of
from distune.corpora.corpus import Corpus
from distune.corpora.labelling import is_labelled, n_texts_of
from distune.corpora.logits_file import LogitsFile
from distune.corpora.texts import text_hash
from distune.models.decision import even
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.interval import wilson_interval
from distune.tuning.metric.set_metric import Labels, Logits, SetMetric, set_interval
from distune.tuning.metric.task import AnyMetric, task_of

TYPICAL = 0.9
"""The accuracy whose interval is shown if that of the teacher is not known yet, and the recall of a rare label."""
MOST_SHOWN = 3
"""How many labels with a low F1 are named."""


def right_on_dev(corpus: Corpus, file: LogitsFile) -> list[str]:
    """The lines about the answers in a file to texts of dev: how many of them are right."""
    answered = [text_hash(text) in file.rows for text in corpus.dev.texts]
    rows = np.flatnonzero(answered & is_labelled(corpus.dev.labels))
    if not len(rows):
        return []
    logits, labels = file.of([corpus.dev.texts[place] for place in rows]).logits, corpus.dev.labels[rows]
    task = task_of(corpus.is_multi_label)
    n_right = int(task.right(task.undecided(len(corpus.labels)).of_logits(logits), labels).sum())
    low, high = wilson_interval(n_right / len(rows), len(rows))
    whole = "right on all labels of" if corpus.is_multi_label else "right on"
    return [
        f"{whole} {n_right} of {n_of(len(rows), 'dev text')} with an answer: {100 * n_right / len(rows):.1f} %, 95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} %",
        *(_of_each_label(logits, labels, corpus.labels) if corpus.is_multi_label else []),
    ]


def exactness(corpus: Corpus, file: LogitsFile | None, metric: AnyMetric) -> list[str]:
    """The lines about how exactly dev and test tell the accuracy of a teacher, or an accuracy of 0.9 without its answers."""
    task = task_of(corpus.is_multi_label)
    title = task.beside[0].title
    accuracy, whose = TYPICAL, f"an {title}"
    logits = None if file is None else file.of(corpus.dev.texts).logits
    if logits is not None:
        answers = metric.decision(logits, corpus.dev.labels).of_logits(logits)
        accuracy, whose = float(task.right(answers, corpus.dev.labels).mean()), f"the teacher's dev {title}"
    shown = []
    for name, split in (("dev", corpus.dev), ("test", corpus.test)):
        n_labelled = int(is_labelled(split.labels).sum())
        low, high = wilson_interval(accuracy, n_labelled)
        shown.append(f"{low:.3f} to {high:.3f} on the {n_of(n_labelled, 'labelled text')} of {name}")
    line = f"{whose} of {accuracy:.3f} has the 95 % interval {', and '.join(shown)}"
    return [line, *(_of_labels(corpus, logits, metric) if isinstance(metric, SetMetric) else [])]


def _of_labels(corpus: Corpus, logits: Logits | None, metric: SetMetric) -> list[str]:
    """The lines about the labels of dev and test, of which a text has several: their number, and the rarest one."""
    n_dev, n_test = (n_texts_of(split.labels, len(corpus.labels)) for split in (corpus.dev, corpus.test))
    said = f"dev has {n_of(int(n_dev.sum()), 'label')} on {n_of(len(corpus.dev), 'text')}, and test {n_test.sum():,} on {len(corpus.test):,}"
    if logits is not None:
        decision = metric.decision(logits, corpus.dev.labels)
        score = metric.score(logits, corpus.dev.labels, decision)
        low, high = set_interval(metric, [logits], corpus.dev.labels, [decision])
        said += (
            f"; the teacher's dev {metric.config.title} of {score:.3f} has the 95 % interval {low:.3f} to {high:.3f}"
        )
    rarest = min(np.flatnonzero(n_dev), key=lambda index: n_dev[index])
    low, high = wilson_interval(TYPICAL, int(n_dev[rarest]))
    return [
        said,
        f"{corpus.labels[rarest]!r} is the rarest label, on {n_of(int(n_dev[rarest]), 'text')} of dev: a recall of {TYPICAL:g} has the 95 % interval "
        f"{low:.3f} to {high:.3f} there",
    ]


def _of_each_label(logits: Logits, labels: Labels, names: Sequence[str]) -> list[str]:
    """The line about the F1 of the labels, each answered from 0.5 on: of all together, and the lowest ones."""
    n_texts = n_texts_of(labels, len(names))
    if not n_texts.any():
        return []
    kinds = [MetricConfig(kind="micro_f1", threshold="none")]
    kinds += [
        MetricConfig(kind="f1", label=name, threshold="none") for name, n in zip(names, n_texts, strict=True) if n
    ]
    task, decision = task_of(True), even(len(names))
    micro, *each = (task.metric(kind, names, {}).score(logits, labels, decision) for kind in kinds)
    by_f1 = sorted(zip(each, kinds[1:], n_texts[n_texts > 0].tolist(), strict=True), key=lambda one: one[0])
    shown = ", ".join(f"{kind.label} {f1:.3f} ({n_of(n, 'text')})" for f1, kind, n in by_f1[:MOST_SHOWN])
    return [f"micro-F1 of all labels {micro:.3f}; the lowest F1: {shown}"]
