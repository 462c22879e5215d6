"""Is another order of a teacher's columns right far more often? Never by chance, always where they are exchanged."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from distune.corpora.columns import column_order
from distune.corpora.texts import CorpusError
from distune.tuning.teachers.assignment import (
    about_few_texts,
    better_assignment,
    confusion,
    log_at_least,
    refuse_other_assignment,
)

Numbers = NDArray[np.int64]


def answers(labels: Numbers, n_classes: int, accuracy: float, rng: np.random.Generator) -> Numbers:
    """Right with this probability, else any class."""
    guessed = rng.integers(0, n_classes, len(labels))
    return np.where(rng.random(len(labels)) < accuracy, labels, guessed)


def found(said: Numbers, labels: Numbers, n_classes: int) -> list[int] | None:
    moves = better_assignment(confusion(said, labels, n_classes))
    return None if moves is None else moves.tolist()


def test_the_confusion_has_answers_in_rows_and_labels_in_columns() -> None:
    assert confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(("n_texts", "n_classes"), [(200, 15), (40, 2)])
def test_a_random_teacher_is_never_refused(n_texts: int, n_classes: int) -> None:
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, n_classes, n_texts)
        assert found(rng.integers(0, n_classes, n_texts), labels, n_classes) is None, seed


def test_a_weak_teacher_and_unequal_classes_are_not_refused() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shares = rng.dirichlet(np.full(5, 0.5))
        labels = rng.choice(5, 200, p=shares)
        assert found(answers(labels, 5, 0.1, rng), labels, 5) is None
        assert found(rng.choice(5, 200, p=rng.dirichlet(np.full(5, 0.5))), labels, 5) is None
        # Whoever always says one class says nothing of an order, however rare that class is.
        assert found(np.full(200, shares.argmin()), labels, 5) is None


def test_hundreds_of_classes_sorted_as_text_are_found() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 300, 2000)
    said = answers(labels, 300, 0.7, rng)
    as_text = np.array(sorted(range(300), key=str))
    assert found(said, labels, 300) is None
    moves = found(np.argsort(as_text)[said], labels, 300)
    assert moves is not None
    assert np.mean(np.array(moves) == as_text) > 0.9


@pytest.mark.parametrize(("n_texts", "n_classes"), [(200, 15), (60, 15), (60, 3), (40, 2)])
def test_a_good_teacher_with_exchanged_columns_is_always_found(n_texts: int, n_classes: int) -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, n_classes, n_texts)
        said = answers(labels, n_classes, 0.95, rng)
        assert found(said, labels, n_classes) is None
        order = np.roll(rng.permutation(n_classes), 1) if n_classes > 2 else np.array([1, 0])
        if (order == np.arange(n_classes)).all():
            continue
        moves = found(np.argsort(order)[said], labels, n_classes)
        assert moves is not None
        assert sum(a == b for a, b in zip(moves, order, strict=True)) >= n_classes - 3


def test_two_of_many_columns_that_are_exchanged_are_found() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 15, 600)
    said = answers(labels, 15, 0.8, rng)
    exchanged = np.arange(15)
    exchanged[[3, 9]] = 9, 3
    assert found(exchanged[said], labels, 15) == exchanged.tolist()


def test_the_order_that_fits_is_named_as_the_source_has_its_columns() -> None:
    labels = np.array([0, 1, 2] * 20)
    said = np.array([1, 2, 0] * 20)  # What is called b is a, c is b, a is c.
    with pytest.raises(CorpusError) as caught:
        refuse_other_assignment(np.eye(3)[said], labels, ["a", "b", "c"], "t")
    assert str(caught.value) == (
        "t: its columns are in another order than the labels: taken as a, b, c it is right on 0 of 60 dev texts (0.0 %), taken as c, a, b "
        "it would be right on 60 (100.0 %); if that is the order of its columns, set teacher.labels: [c, a, b]"
    )
    columns = column_order(["c", "b", "a"], ["a", "b", "c"], "t")
    with pytest.raises(CorpusError, match=r"taken as c, b, a it is right on 0 .* set teacher\.labels: \[b, a, c\]"):
        refuse_other_assignment(np.eye(3)[said], labels, ["a", "b", "c"], "t", columns)
    assert column_order(None, ["a", "b", "c"], "t", ["b", "a", "c"]).order == (1, 0, 2)
    refuse_other_assignment(np.eye(3)[labels], labels, ["a", "b", "c"], "t")


def test_a_teacher_that_has_learnt_from_train_says_that_dev_is_labelled_otherwise() -> None:
    labels = np.array([0, 1] * 20)
    with pytest.raises(
        CorpusError,
        match=r"has learnt the labels of train, so dev means something else by them: correct one of the two$",
    ):
        refuse_other_assignment(np.eye(2)[1 - labels], labels, ["a", "b"], "t", None, None)
    with pytest.raises(CorpusError, match=r"set more_teachers\.0\.labels: \[b, a\]$"):
        refuse_other_assignment(np.eye(2)[1 - labels], labels, ["a", "b"], "t", None, "more_teachers.0.labels")


def test_a_teacher_that_avoids_the_ends_of_a_scale_is_in_order() -> None:
    # Of labels 1 to 5 (columns) it answers (rows) 2 for most 1s and 4 for most 5s, but each end more often for itself than for its
    # neighbour: 43 % right as it is, 59 % with 1 and 2 and with 4 and 5 exchanged.
    counts = np.array(
        [
            [90, 10, 0, 0, 0],
            [210, 80, 30, 0, 0],
            [0, 10, 120, 40, 0],
            [0, 0, 10, 280, 640],
            [0, 0, 0, 80, 400],
        ]
    )
    assert better_assignment(counts) is None


def test_exchanged_neighbours_are_found_in_a_scale_too() -> None:
    counts = np.array([[5, 90, 0], [95, 10, 5], [0, 0, 100]])
    moves = better_assignment(counts)
    assert moves is not None
    assert moves.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("n_texts", "expected"),
    [
        ([6, 5], "dev has 11 texts, of b (5), too few to notice whether its columns are in another order"),
        ([6, 6], "dev has 12 texts, of a (6), b (6), too few to notice whether its columns are in another order"),
        ([30, 0], "dev has 30 texts, of b (0), too few to notice whether its columns are in another order"),
        ([30, 30], ""),
        (
            [100, 3, 100, 2],
            "dev has too few texts of d (2), b (3) to notice whether their columns are in another order",
        ),
        ([100, 100, 100, 50], ""),
        (
            [9] * 15,
            "dev has too few texts of a (9), b (9), c (9), d (9), e (9) and 10 more to notice whether their columns are in another order",
        ),
    ],
)
def test_it_is_told_where_dev_has_too_few_texts_to_tell_an_order(n_texts: list[int], expected: str) -> None:
    labels = np.repeat(np.arange(len(n_texts)), n_texts)
    assert about_few_texts(labels, "abcdefghijklmno"[: len(n_texts)]) == expected


@pytest.mark.parametrize("n_texts", [[30, 30], [100, 100, 100, 50], [20, 30, 200]])
def test_every_exchange_is_found_where_no_such_thing_is_told(n_texts: list[int]) -> None:
    assert about_few_texts(np.repeat(np.arange(len(n_texts)), n_texts), "abcd"[: len(n_texts)]) == ""
    for pair in itertools.combinations(range(len(n_texts)), 2):
        counts = np.diag(n_texts)
        counts[list(pair)] = counts[list(pair[::-1])]
        assert better_assignment(counts) is not None


@pytest.mark.parametrize(
    ("k", "n", "share"), [(1, 1, 0.5), (3, 10, 0.2), (60, 2000, 0.01), (2000, 2000, 0.3), (900, 1000, 0.5)]
)
def test_how_likely_so_many_successes_are_is_what_scipy_says(k: int, n: int, share: float) -> None:
    assert log_at_least(k, n, share) == pytest.approx(float(binom.logsf(k - 1, n, share)), rel=1e-9)


def test_none_of_any_draws_is_certain_and_more_than_were_drawn_are_impossible() -> None:
    assert log_at_least(0, 5, 0.5) == 0.0
    assert log_at_least(6, 5, 0.5) == -np.inf
    assert log_at_least(1, 5, 0.0) == -np.inf
    assert log_at_least(5, 5, 1.0) == 0.0
