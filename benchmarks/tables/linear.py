"""TF-IDF under a logistic regression, or a linear SVM of many classes, of texts and of pairs: its settings are chosen on dev by the study's metric.

If a text has several labels, each label has a regression of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._pairs import sides
from distune.corpora.corpus import Corpus
from distune.corpora.encoding import segmenter
from distune.corpora.tokens import encoder_settings
from distune.tuning.champion.tfidf import features
from distune.tuning.metric.task import AnyMetric
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.sources import pieces_for
from distune.tuning.trial.config import TrialConfig

Logits = NDArray[np.float64]
STRENGTHS = (1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Linear:
    """A vectorizer and a classifier that have learnt from the labelled texts of a corpus."""

    words: Any
    classifier: Any
    with_overlap: bool

    def logits(self, texts: Sequence[str]) -> Logits:
        """Logits `[texts, classes]`."""
        columns = features(self.words, texts, self.with_overlap)
        of = self.classifier
        found: Logits = of.predict_log_proba(columns) if hasattr(of, "predict_proba") else of.decision_function(columns)
        return found


@dataclass(frozen=True)
class EachLabelLinear:
    """A regression for each label, under the interface of one; `of_labels` has None for a label that all texts of train have, or none."""

    of_labels: tuple[Any, ...]
    prior: Logits

    def decision_function(self, found: Any) -> Logits:
        """Logits `[texts, labels]`: of independent labels these are log-odds."""
        each = (
            np.full(found.shape[0], odds) if one is None else one.decision_function(found)
            for one, odds in zip(self.of_labels, self.prior, strict=True)
        )
        return np.stack(list(each), axis=1)


def log_odds(labels: NDArray[np.integer[Any]]) -> Logits:
    """How frequent each label is among the texts `[texts, labels]` of which it is known; half a text more has it, and has it not."""
    found: Logits = np.log(((labels == 1).sum(axis=0) + 0.5) / ((labels == 0).sum(axis=0) + 0.5))
    return found


def best_on_dev(study: Study, corpus: Corpus, characters: bool, metric: AnyMetric) -> dict[str, Any]:
    """The length of n-grams and the regularisation, and for characters the weights of classes and the overlap of pairs too."""
    cut = None if characters else _cut(study, corpus)

    def score(about: dict[str, Any]) -> float:
        return metric.score(fit(corpus, about, cut).logits(corpus.dev.texts), corpus.dev.labels)

    return max(_settings(corpus, characters, metric), key=score)


def fitted(study: Study, corpus: Corpus, about: dict[str, Any]) -> Linear:
    """What dev has chosen, trained."""
    return fit(corpus, about, None if about.get("characters") else _cut(study, corpus))


def _settings(corpus: Corpus, characters: bool, metric: AnyMetric) -> Iterator[dict[str, Any]]:
    if not characters:
        for ngrams, strength in itertools.product((1, 2), STRENGTHS):
            yield {"ngrams": ngrams, "C": strength}
        return
    is_of_pairs = len(sides(corpus.train.texts[0])) == 2
    # Of several labels each has a threshold of its own, which is what balanced weights are for.
    weights = (None,) if metric.config.is_accuracy or corpus.is_multi_label else (None, "balanced")
    overlaps = (False, True) if is_of_pairs else (False,)
    for ngrams, strength, weight, overlap in itertools.product((2, 4), STRENGTHS, weights, overlaps):
        yield {"characters": True, "ngrams": ngrams, "C": strength, "class_weight": weight, "overlap": overlap}


def _cut(study: Study, corpus: Corpus) -> Callable[[str], Sequence[str]]:
    tokens = TrialConfig.model_validate(midpoint(study.space)).tokens
    return segmenter(encoder_settings(tokens), pieces_for(tokens, locate(study.config, corpus)[0]))


def fit(corpus: Corpus, about: dict[str, Any], cut: Callable[[str], Sequence[str]] | None) -> Linear:
    """N-grams of words, or of characters without `cut`, weighed by TF-IDF, under a linear classifier."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    form: dict[str, Any] = {"analyzer": "char"} if cut is None else {"tokenizer": cut, "token_pattern": None}
    words = TfidfVectorizer(**form, lowercase=cut is None, ngram_range=(1, about["ngrams"]), sublinear_tf=True)
    words.fit([side for text in corpus.train.texts for side in sides(text)])
    strength, weight, with_overlap = about["C"], about.get("class_weight"), bool(about.get("overlap"))
    found = features(words, corpus.train.texts, with_overlap)
    if corpus.is_multi_label:
        return Linear(words, _each_label(found, corpus.train.labels, strength), with_overlap)
    if cut is not None:
        classifier = LogisticRegression(C=strength, max_iter=1000)
    elif len(corpus.labels) == 2:
        classifier = LogisticRegression(C=strength, class_weight=weight, max_iter=1000, solver="liblinear")
    else:  # Of 150 classes a logistic regression over 10^5 columns takes minutes.
        classifier = LinearSVC(C=strength / 10, class_weight=weight)
    classifier.fit(found, corpus.train.labels)
    return Linear(words, classifier, with_overlap)


def _each_label(found: Any, labels: NDArray[np.integer[Any]], strength: float) -> EachLabelLinear:
    """A regression for each label, from the texts of which it is known."""
    from sklearn.linear_model import LogisticRegression

    each = []
    for of_label in labels.T:
        known = np.flatnonzero(of_label >= 0)
        both = len(np.unique(of_label[known])) == 2
        one = LogisticRegression(C=strength, max_iter=1000, solver="liblinear")
        each.append(one.fit(found[known], of_label[known]) if both else None)
    return EachLabelLinear(tuple(each), log_odds(labels))
