"""The baseline learns from the labels of train alone, and answers in the order of the corpus's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from distune._pairs import joined
from distune.corpora.corpus import Corpus
from distune.corpora.split import Split
from distune.tuning.champion import baseline as module
from distune.tuning.champion.baseline import about_baseline, train_baseline
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import BY_ACCURACY, metric_of
from distune.tuning.metric.set_metric import set_metric_of
from tests.making.columns import column


def corpus_of(labels: Sequence[str], **splits: Mapping[str, Any]) -> Corpus:
    """A corpus whose splits map each text to its label, or to its list of labels."""
    made = {name: Split(tuple(rows), np.array(list(rows.values()))) for name, rows in splits.items()}
    nothing = Split((), np.zeros(0, np.int64))
    return Corpus(labels=tuple(labels), transfer=nothing, fingerprint="0" * 16, **made)


def rows(letters: str, label: Any, n: int = 6) -> dict[str, Any]:
    """Texts of these letters, each with the same label."""
    return {letters * (i + 2): label for i in range(n)}


def test_the_baseline_learns_from_train_and_not_from_dev_or_test() -> None:
    train = rows("ab", 0) | rows("xy", 1)
    turned = rows("ab", 1, 3) | rows("xy", 0, 3)
    found = train_baseline(corpus_of(["0", "1"], train=train, dev=train, test=turned), BY_ACCURACY, seed=7)
    assert found is not None
    assert found.name == "TF-IDF baseline"
    assert (found.quality.dev_score.mean, found.quality.test_score.mean) == (1.0, 0.0)


def test_the_answers_are_in_the_order_of_the_labels_even_if_train_lacks_one() -> None:
    train = rows("ab", 0) | rows("xy", 2)
    test = {"abab": 0, "xyxy": 2, "mn": 1}
    found = train_baseline(corpus_of(["a", "m", "x"], train=train, dev=train, test=test), BY_ACCURACY, seed=7)
    assert found is not None
    assert found.quality.test_score.mean == pytest.approx(2 / 3)


def test_there_is_no_baseline_of_a_train_with_one_class() -> None:
    train = rows("ab", 0)
    assert train_baseline(corpus_of(["a", "b"], train=train, dev=train, test=train), BY_ACCURACY, seed=7) is None


def test_the_baseline_answers_from_the_threshold_that_dev_chose() -> None:
    train = rows("ab", 0, 9) | rows("xy", 1, 3)
    metric = metric_of(MetricConfig.model_validate({"f1": "spam"}), ["ham", "spam"], {"dev": np.array([0, 1])})
    found = train_baseline(corpus_of(["ham", "spam"], train=train, dev=train, test=train), metric, seed=7)
    assert found is not None
    assert found.quality.answered is not None
    assert found.quality.answered.label == "spam"
    assert found.quality.test_score.mean == 1.0


def test_each_of_several_labels_has_a_classifier_and_one_that_every_text_has_is_always_answered() -> None:
    train = rows("ab", [1, 0, 1]) | rows("xy", [0, 1, 1])
    config = MetricConfig(kind="micro_f1")
    metric = set_metric_of(config, ["a", "x", "all"], {"dev": np.array(list(train.values()))})
    found = train_baseline(corpus_of(["a", "x", "all"], train=train, dev=train, test=train), metric, seed=7)
    assert found is not None
    assert found.quality.test_accuracy.mean == 1.0  # The labels of every text are all right.


def test_an_unknown_label_counts_as_no_answer() -> None:
    # Of the first label only two texts are known; as answers, the others would be a class of their own.
    train = rows("ab", [-1, 0]) | rows("xy", [-1, 1]) | {"abab": [1, 0], "xyxy": [0, 1]}
    known = {"abababab": [1, 0], "xyxyxyxyxy": [0, 1]}
    metric = set_metric_of(MetricConfig(kind="micro_f1"), ["a", "x"], {"dev": np.array(list(known.values()))})
    found = train_baseline(corpus_of(["a", "x"], train=train, dev=known, test=known), metric, seed=7)
    assert found is not None
    assert found.quality.test_accuracy.mean == 1.0


def test_the_baseline_of_pairs_sees_how_much_their_texts_share() -> None:
    same = {joined(word, word): 1 for word in ("abcd", "efgh", "ijkl", "mnop", "qrst", "uvwx")}
    other = {joined(a, b): 0 for a, b in (("abcd", "efgh"), ("ijkl", "mnop"), ("qrst", "uvwx"), ("efgh", "ijkl"))}
    unseen = {joined("dbca", "dbca"): 1, joined("hgfe", "rqts"): 0}  # Words of known characters.
    found = train_baseline(
        corpus_of(["no", "yes"], train=same | other, dev=same | other, test=unseen), BY_ACCURACY, seed=7
    )
    assert found is not None
    assert found.quality.test_score.mean == 1.0


def test_of_many_labelled_texts_a_sample_is_learnt_and_the_name_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEXTS", 10)
    train = rows("ab", 0, 30) | rows("xy", 1, 30)
    found = train_baseline(corpus_of(["0", "1"], train=train, dev=train, test=train), BY_ACCURACY, seed=7)
    assert found is not None
    assert found.name == "TF-IDF baseline (10 of 60 labelled texts)"
    assert found.quality.test_score.mean == 1.0


def test_long_texts_of_many_classes_are_sampled_so_that_they_take_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    # Runs of 1 to 3 of 90 characters for each of three classes, of which half may be learnt.
    train = {"a" * 10: 0, "b" * 10: 1, "a" * 20: 0, "b" * 20: 1, "c" * 20: 2, "c" * 10: 2}
    monkeypatch.setattr(module, "MOST_UPDATES", 3 * 90 * 3 * 0.5)
    found = train_baseline(corpus_of(["a", "b", "c"], train=train, dev=train, test=train), BY_ACCURACY, seed=7)
    assert found is not None
    assert found.name == "TF-IDF baseline (3 of 6 labelled texts)"


def test_a_student_that_is_no_better_is_said_to_be() -> None:
    student = column("distilled champion", 0.85)
    assert about_baseline(column("TF-IDF baseline", 0.8), student) == (
        "TF-IDF baseline, a linear classifier that learnt from the same labels: test accuracy 0.8000"
    )
    assert about_baseline(column("TF-IDF baseline", 0.85), student).endswith(
        "test accuracy 0.8500, so the distilled champion (0.8500) is no better than it"
    )
