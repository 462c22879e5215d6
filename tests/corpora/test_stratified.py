"""Iterative stratification: each part has its share of every label."""

from __future__ import annotations

import random

from distune.corpora.stratified import stratified

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def test_a_label_of_ten_texts_has_one_of_them_in_dev_and_one_in_test() -> None:
    rows = [[0] if place % 10 == 0 else [] for place in range(100)]
    parts = stratified(rows, SHARES, 1)
    of_label = [part for part, labels in zip(parts, rows, strict=True) if labels]
    assert {part: of_label.count(part) for part in SHARES} == {"train": 8, "dev": 1, "test": 1}
    assert {part: parts.count(part) for part in SHARES} == {"train": 80, "dev": 10, "test": 10}


def test_the_rarest_label_is_divided_first() -> None:
    # The two texts of label 1 have label 0 too: one goes to each half, and label 0 is evened out by the others.
    rows = [[0, 1], [0, 1], [0], [0], [0], [0]]
    parts = stratified(rows, {"a": 0.5, "b": 0.5}, 2)
    assert sorted(parts[:2]) == ["a", "b"]
    assert parts.count("a") == 3


def test_the_same_rows_give_the_same_parts() -> None:
    generator = random.Random(3)
    rows = [[label for label in range(8) if generator.random() < 0.02 * (label + 1)] for _ in range(500)]
    assert stratified(rows, SHARES, 8) == stratified(rows, SHARES, 8)


def test_shares_of_labels_are_nearer_than_those_of_a_draw() -> None:
    generator = random.Random(3)
    rows = [[label for label in range(8) if generator.random() < 0.01 * (label + 1)] for _ in range(1000)]
    parts = stratified(rows, SHARES, 8)
    for label in range(8):
        of_label = [part for part, labels in zip(parts, rows, strict=True) if label in labels]
        for part, share in SHARES.items():
            assert abs(of_label.count(part) - share * len(of_label)) <= 1


def test_rows_without_labels_fill_the_parts_up() -> None:
    assert sorted(stratified([[]] * 10, {"a": 0.5, "b": 0.5}, 3)) == ["a"] * 5 + ["b"] * 5
