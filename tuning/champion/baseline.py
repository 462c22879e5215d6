"""The baseline of a search: a linear classifier of TF-IDF features, which learns from the labels of train.

A student that is no better than this baseline is not worth its search. Dev chooses the strength of the baseline's regularisation
and the rule by which it answers. It reads test once, as the students do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._pairs import sides
from distune.corpora.corpus import Corpus
from distune.corpora.encoding import normalized
from distune.corpora.labelling import UNLABELLED
from distune.corpora.split import Split
from distune.tuning.champion.columns import Column, quality
from distune.tuning.champion.tfidf import features
from distune.tuning.metric.task import AnyMetric
from distune.tuning.study.rule import ROUNDING

Logits = NDArray[np.float32]
BASELINE = "TF-IDF baseline"
MOST_TEXTS = 20_000
MOST_UPDATES = 1e9
"""Runs of characters times classes. Above it, and of more than MOST_TEXTS texts, the baseline learns from a sample: it takes
some minutes at most."""
MOST_RUNS = 200_000
LONGEST_RUN = 3
"""Characters of the longest run of characters that is a feature."""
STRENGTHS = (3e-5, 1e-5, 3e-6)
"""The strengths of regularisation from which dev chooses."""
EPOCHS = 10
NEVER = -30.0
"""The logit of a class that no text of train has."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A fitted vectorizer, and classifiers, each with the columns `[its classes]` of the logits that it answers."""

    words: Any
    classifiers: tuple[tuple[NDArray[np.int64], Any], ...]
    others: Logits
    """The logits `[classes]` that no classifier answers."""

    def logits(self, texts: Sequence[str]) -> Logits:
        """Logits `[texts, classes]`; if a text has several labels, the log-odds of each."""
        found = features(self.words, texts, with_overlap=True)
        logits = np.tile(self.others, (len(texts), 1))
        for columns, classifier in self.classifiers:
            if len(columns) == 1:
                logits[:, columns[0]] = classifier.decision_function(found)
                continue
            with np.errstate(divide="ignore"):  # A probability of 0 is a logit of NEVER.
                logits[:, columns] = np.maximum(classifier.predict_log_proba(found), NEVER)
        return logits


def train_baseline(corpus: Corpus, metric: AnyMetric, seed: int) -> Column | None:
    """The baseline of a corpus as a column of the table, judged by the metric of the study; None if train has only one class.

    Its features are runs of 1 to 3 characters, which suit every language. The features of a pair are the distance, the product and the overlap of its texts.
    """
    train = _sample(corpus.train, len(corpus.labels), seed)
    dev = corpus.dev
    best = max(
        _fitted(train, len(corpus.labels), metric),
        key=lambda one: metric.score(one.logits(dev.texts), dev.labels),
        default=None,
    )
    if best is None:
        return None
    on_dev = best.logits(dev.texts)
    decision = metric.decision(on_dev, dev.labels)
    figures = quality(
        metric,
        [metric.score(on_dev, dev.labels, decision)],
        [best.logits(corpus.test.texts)],
        corpus.test.labels,
        None,
        [decision],
    )
    is_sample = len(train) < len(corpus.train)
    name = f"{BASELINE} ({len(train):,} of {len(corpus.train):,} labelled texts)" if is_sample else BASELINE
    return Column(name=name, quality=figures, n_parameters=None, size_mb=None, latency=None)


def about_baseline(baseline: Column, student: Column) -> str:
    """The score of the baseline on test in a sentence, with a warning if the student is no better."""
    metric = baseline.quality.metric.title
    found = f"{baseline.name}, a linear classifier that learnt from the same labels: test {metric} {baseline.quality.test_score}"
    if baseline.quality.test_score.mean < student.quality.test_score.mean - ROUNDING:
        return found
    return f"{found}, so the {student.name} ({student.quality.test_score}) is no better than it"


def _sample(train: Split, n_classes: int, seed: int) -> Split:
    n_updates = LONGEST_RUN * sum(map(len, train.texts)) * (n_classes if n_classes > 2 else 1)
    n_texts = min(MOST_TEXTS, int(len(train) * MOST_UPDATES / max(n_updates, 1)))
    if len(train) <= n_texts:
        return train
    rows = np.sort(np.random.default_rng(seed).permutation(len(train))[:n_texts])
    return Split(tuple(train.texts[i] for i in rows), train.labels[rows])


def _fitted(train: Split, n_classes: int, metric: AnyMetric) -> Iterator[Linear]:
    """A classifier of each strength. By another metric than accuracy, classes also weigh the same, however frequent they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(
        analyzer="char",
        preprocessor=normalized,
        ngram_range=(1, LONGEST_RUN),
        sublinear_tf=True,
        max_features=MOST_RUNS,
    )
    words.fit([side for text in train.texts for side in sides(text)])
    found = features(words, train.texts, with_overlap=True)
    weights = (None,) if metric.config.is_accuracy or train.labels.ndim == 2 else (None, "balanced")
    for strength in STRENGTHS:
        for weight in weights:
            classifiers = tuple(_classifiers(found, train.labels, strength, weight))
            if classifiers:
                yield Linear(words=words, classifiers=classifiers, others=_others(train.labels, n_classes))


def _classifiers(
    found: Any, labels: NDArray[np.integer[Any]], strength: float, weight: str | None
) -> list[tuple[NDArray[np.int64], Any]]:
    """One classifier of all classes, or if a text has several labels one for each label, from the texts of which it is known."""
    from sklearn.linear_model import SGDClassifier

    def of_label(label: int | None) -> tuple[NDArray[np.int64], Any] | None:
        answers = labels if label is None else labels[:, label]
        known = np.flatnonzero(answers != UNLABELLED)
        classes = np.unique(answers[known])
        if len(classes) < 2:
            return None
        # Averaged, its answer hardly depends on the order of the texts.
        settings = {"class_weight": weight, "average": True, "random_state": 0, "n_jobs": -1}
        classifier = SGDClassifier(loss="log_loss", alpha=strength, max_iter=EPOCHS, tol=None, **settings)
        columns = classes if label is None else np.array([label])
        return columns.astype(np.int64), classifier.fit(found[known], answers[known])

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # SGDClassifier learns without Python's lock.
        trained = pool.map(of_label, [None] if labels.ndim == 1 else range(labels.shape[1]))
    return [one for one in trained if one is not None]


def _others(labels: NDArray[np.integer[Any]], n_classes: int) -> Logits:
    """A class without a text is never answered. If a text has several labels, a label that all texts have or none has its log-odds, with half a text
    added to both sides."""
    if labels.ndim == 1:
        return np.full(n_classes, NEVER, np.float32)
    with_it, without = (((labels == sign).sum(axis=0) + 0.5) for sign in (1, 0))
    log_odds: Logits = np.log(with_it / without).astype(np.float32)
    return log_odds
