"""TF-IDF of texts and of pairs: what the columns of a pair are, and that dev chooses by the study's metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.tables import linear
from benchmarks.tables.linear import best_on_dev, fit, log_odds
from distune._pairs import joined
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.tuning.champion.tfidf import features, overlap
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import metric_of
from distune.tuning.metric.task import SEVERAL_LABELS_A_TEXT
from distune.tuning.study.file import Study


@pytest.fixture
def words() -> TfidfVectorizer:
    """Single characters without weights: a, b and c in both texts, d and e in one."""
    return TfidfVectorizer(analyzer="char", use_idf=False).fit(["abcde"])


def test_the_overlap_of_a_pair_is_counted_by_hand(words: TfidfVectorizer) -> None:
    # abc and abde: 2 of 5 letters are in both, of 3 and of 4; 2 / sqrt(3 * 4) is the cosine, and 3 is 1 less than 4.
    found = overlap(words.transform(["abc"]), words.transform(["abde"]))
    np.testing.assert_allclose(found, [[2 / np.sqrt(12), 2 / 5, 2 / 3, 2 / 4, 1 / 4]])
    nothing = overlap(words.transform([""]), words.transform([""]))
    np.testing.assert_allclose(nothing, [[0, 0, 0, 0, 0]])


def test_a_pair_is_the_distance_and_the_product_of_its_texts(words: TfidfVectorizer) -> None:
    found = features(words, [joined("ab", "ac")], with_overlap=False).toarray()
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found, [[0, half, half, 0, 0, 0.5, 0, 0, 0, 0]])
    assert features(words, [joined("ab", "ac")], with_overlap=True).shape == (1, 15)
    assert features(words, ["ab"], with_overlap=False).shape == (1, 5)


def pairs_csv(folder: Path, name: str, start: int) -> Path:
    """Twelve pairs; those that say the same twice are 1."""
    rows = [
        f"text {i} one,{f'text {i} one' if i % 2 else f'other {i + 7} two'},{i % 2}" for i in range(start, start + 12)
    ]
    path = folder / name
    path.write_text("\n".join(["a,b,label", *rows]) + "\n", encoding="utf-8")
    return path


def test_overlap_tells_pairs_apart_that_have_no_word_of_train(tmp_path: Path) -> None:
    corpus = load_corpus(
        CorpusConfig(
            source=str(pairs_csv(tmp_path, "train.csv", 0)),
            text="a",
            text_b="b",
            dev=str(pairs_csv(tmp_path, "dev.csv", 100)),
            test=str(pairs_csv(tmp_path, "test.csv", 200)),
        )
    )
    model = fit(corpus, {"ngrams": 2, "C": 100.0, "overlap": True}, None)
    assert model.logits([joined("xyz", "xyz"), joined("xyz", "uvw")]).argmax(1).tolist() == [1, 0]


@pytest.mark.parametrize(("metric", "n_settings"), [("accuracy", 6), ("macro_f1", 12)])
def test_weights_of_classes_are_tried_if_the_metric_is_not_accuracy(
    metric: str, n_settings: int, reviews_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = load_corpus(CorpusConfig(source=str(reviews_csv)))
    tried: list[dict[str, Any]] = []

    def kept(corpus: Corpus, about: dict[str, Any], cut: None) -> linear.Linear:
        tried.append(about)
        return fit(corpus, about, cut)

    monkeypatch.setattr(linear, "fit", kept)
    judge = metric_of(MetricConfig.model_validate(metric), corpus.labels, {"dev": corpus.dev.labels})
    document = {
        "name": "x",
        "corpus": {"source": str(reviews_csv)},
        "teacher": {"students": {}},
        "trial": {"student": {"kind": "average"}},
    }
    best = best_on_dev(Study(document), corpus, True, judge)
    assert len(tried) == n_settings
    assert best in tried
    assert {one["class_weight"] for one in tried} == ({None} if metric == "accuracy" else {None, "balanced"})


def test_the_odds_of_each_label_count_half_a_text_more_and_no_unknown_ones() -> None:
    # 1 of 3 and half a text each; 0 of 2, the third is unknown.
    found = log_odds(np.array([[1, 0], [0, 0], [0, -1]]))
    np.testing.assert_allclose(found, np.log([1.5 / 2.5, 0.5 / 2.5]))


@pytest.fixture
def tickets(tmp_path: Path) -> Corpus:
    """Texts that name their labels; all of train are `always` something, and each third text does not say whether it is `slow`."""
    for name, n in (("train", 24), ("dev", 12), ("test", 12)):
        rows = ["text,late,broken,slow,always"]
        for i in range(n):
            late, broken = i % 2, i // 2 % 2
            text = f"{name} {i}{' late' * late}{' broken' * broken}"
            rows.append(f"{text},{late},{broken},{'' if i % 3 == 0 else late},{int(name == 'train' or late)}")
        (tmp_path / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return load_corpus(
        CorpusConfig(
            source=str(tmp_path / "train.csv"),
            dev=str(tmp_path / "dev.csv"),
            test=str(tmp_path / "test.csv"),
            label_columns=("late", "broken", "slow", "always"),
        )
    )


def test_each_label_has_a_regression_of_its_own_from_the_texts_that_know_it(tickets: Corpus) -> None:
    model = fit(tickets, {"ngrams": 3, "C": 100.0}, None)
    always, broken, late, slow = model.logits(["test 1 late", "test 2 broken", "test 3 late broken"]).T
    assert (late > 0).tolist() == (slow > 0).tolist() == [True, False, True]
    assert (broken > 0).tolist() == [False, True, True]
    # Without a text that has it not, there is nothing to tell apart: 24 and a half have it, and half a text has not.
    np.testing.assert_allclose(always, np.log(24.5 / 0.5))


def test_the_settings_of_several_labels_are_chosen_without_weights_of_classes(tickets: Corpus) -> None:
    labels = {"dev": tickets.dev.labels}
    judge = SEVERAL_LABELS_A_TEXT.metric(MetricConfig(kind="macro_f1"), tickets.labels, labels)
    document = {
        "name": "x",
        "corpus": {"source": "x.csv", "multi_label": True},
        "teacher": {"students": {}},
        "trial": {"student": {"kind": "average"}},
    }
    best = best_on_dev(Study(document), tickets, True, judge)
    assert best == {"characters": True, "ngrams": 2, "C": best["C"], "class_weight": None, "overlap": False}
