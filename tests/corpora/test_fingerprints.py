from __future__ import annotations

from pathlib import Path

import numpy as np

from distune.corpora.split import Split, labelled_fingerprint
from tests.making.corpora import ROWS, load_rows


def test_the_fingerprint_knows_texts_and_labels_but_not_how_many_are_labelled(tmp_path: Path) -> None:
    fingerprint = load_rows(tmp_path).fingerprint
    assert load_rows(tmp_path, labelled=10).fingerprint == fingerprint
    assert load_rows(tmp_path, ROWS[1:]).fingerprint != fingerprint
    assert load_rows(tmp_path, labels=["c", "b", "a"]).fingerprint != fingerprint
    assert load_rows(tmp_path, seed=8).fingerprint != fingerprint


def test_the_fingerprints_of_labels_know_texts_and_names_and_not_the_order_of_the_classes(tmp_path: Path) -> None:
    corpus = load_rows(tmp_path)
    turned = load_rows(tmp_path, labels=["c", "b", "a"])
    assert turned.fingerprint != corpus.fingerprint
    assert (turned.answers_fingerprint, turned.train_fingerprint) == (
        corpus.answers_fingerprint,
        corpus.train_fingerprint,
    )
    fewer = load_rows(tmp_path, labelled=10)
    assert fewer.answers_fingerprint == corpus.answers_fingerprint
    assert fewer.train_fingerprint != corpus.train_fingerprint
    texts = ("a", "bc")
    one = Split(texts, np.array([0, 1]))
    assert labelled_fingerprint(("x", "y"), one) == labelled_fingerprint(
        ("y", "x"), Split(texts[::-1], np.array([0, 1]))
    )
    assert labelled_fingerprint(("x", "y"), one) != labelled_fingerprint(("x", "y"), Split(texts, np.array([1, 0])))
    assert labelled_fingerprint(("x", "y"), one, one) != labelled_fingerprint(("x", "y"), one)
