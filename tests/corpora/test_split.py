from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distune.corpora.split import Split, other_shares


def split(labels: Sequence[int] | Sequence[Sequence[int]]) -> Split:
    return Split(tuple(f"text {i}" for i in range(len(labels))), np.array(labels))


def test_a_label_that_dev_has_more_often_than_test_is_told_with_its_shares() -> None:
    dev, test = split([0] * 60 + [1] * 140), split([0] * 20 + [1] * 380)
    (told,) = other_shares(("rare", "usual"), {"dev": dev, "test": test})
    assert told.startswith("dev is not like test: 'rare' is the label of 30.0 % of its texts, and of 5.0 % of test's; ")


def test_shares_that_chance_explains_are_not_told() -> None:
    # 40 % against 60 % of ten texts each: a standard error is 22 %.
    splits = {"dev": split([0] * 4 + [1] * 6), "test": split([0] * 6 + [1] * 4)}
    assert other_shares(("a", "b"), splits) == []


def test_a_small_difference_of_many_texts_is_not_told() -> None:
    splits = {"dev": split([0] * 1500 + [1] * 8500), "test": split([0] * 1000 + [1] * 9000)}
    assert other_shares(("a", "b"), splits) == []


def test_of_several_labels_each_has_its_share_of_the_texts_of_which_it_is_known() -> None:
    dev = split([[1, 1]] * 150 + [[1, 0]] * 50 + [[1, -1]] * 600)
    test = split([[1, 1]] * 50 + [[1, 0]] * 150)
    (told,) = other_shares(("always", "often"), {"dev": dev, "test": test})
    assert "'often' is the label of 75.0 % of its texts, and of 25.0 % of test's" in told


def test_a_split_without_labels_says_nothing() -> None:
    assert other_shares(("a", "b"), {"dev": split([0, 1]), "test": split([-1, -1])}) == []
