"""Does another order of the columns fit far better, if a text has several labels? Never by chance, always where they are exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, mannwhitneyu, norm

from distune.corpora.texts import CorpusError
from distune.tuning.teachers.assignment import about_few_texts, refuse_other_assignment
from distune.tuning.teachers.set_assignment import (
    Agreement,
    agreement,
    better_order,
    labels_with_few_texts,
    log_chance_of_gain,
)

Labels = NDArray[np.int8]
Floats = NDArray[np.float64]
FEW, SOME, MANY = (
    (100, np.array([0.4, 0.3, 0.2, 0.1])),
    (1000, np.geomspace(0.3, 0.01, 28)),
    (300, np.geomspace(0.2, 0.004, 90)),
)


def sets(size: tuple[int, Floats], rng: np.random.Generator, together: float = 0.3) -> Labels:
    """Labels of texts, each with its share, that come together."""
    n_texts, shares = size
    drawn = (
        rng.normal(size=(n_texts, 1)) * together**0.5 + rng.normal(size=(n_texts, len(shares))) * (1 - together) ** 0.5
    )
    found: Labels = (drawn > norm.ppf(1 - shares)).astype(np.int8)
    return found


def answers(labels: Labels, strength: float, rng: np.random.Generator) -> Floats:
    """Logits whose mean is larger by `strength` if a text has the label; each column has a scale of its own."""
    scales = rng.uniform(0.5, 3, labels.shape[1])
    found: Floats = (strength * labels + rng.normal(size=labels.shape)) * scales + 2 * rng.normal(size=labels.shape[1])
    return found


def moves_of(logits: Floats, labels: Any) -> list[int] | None:
    found = better_order(logits, labels)
    return None if found is None else found.moves.tolist()


def test_the_agreement_is_the_area_under_the_curve_and_the_statistic_of_mann_and_whitney() -> None:
    logits = np.array([[0.1], [0.4], [0.35], [0.8], [0.4]])
    labels = np.array([[0], [0], [1], [1], [1]])
    found = agreement(logits, labels)
    # Of 6 pairs 4 are in order (0.35 > 0.1, 0.8 > both, 0.4 > 0.1), and 0.4 equals 0.4.
    assert found.auc.item() == pytest.approx(4.5 / 6)
    theirs = mannwhitneyu(logits[labels == 1], logits[labels == 0], method="asymptotic", use_continuity=False)
    assert theirs.statistic / 6 == pytest.approx(found.auc.item())
    # Its variance has n in the place of n - 1.
    assert found.statistic.item() * np.sqrt(4 / 5) == pytest.approx(norm.isf(theirs.pvalue / 2), abs=1e-6)


def test_what_is_unknown_and_a_label_of_no_text_tell_nothing() -> None:
    logits = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    found = agreement(logits, np.array([[0, 0], [1, 0], [-1, 0], [-1, -1]]))
    assert found.labels[:, 0].tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5, 0, 0])
    assert found.labels[:, 1].tolist() == [0, 0, 0, 0]
    assert found.auc[:, 1].tolist() == [0.5, 0.5]
    assert found.auc[1].tolist() == [0.5, 0.5]


def test_the_chance_of_a_gain_is_at_least_that_of_so_many_heads() -> None:
    for n_won, n_lost in ((20, 0), (30, 5)):
        won = np.array([1.0] * n_won + [-1.0] * n_lost)
        nothing = np.zeros_like(won)
        found = Agreement(
            ranks=np.stack([won, nothing], axis=1), labels=np.stack([nothing, nothing + 1], axis=1), auc=np.eye(2)
        )
        exact = float(np.log(binom.sf(n_won - 1, n_won + n_lost, 0.5)))
        assert exact - 1e-9 <= log_chance_of_gain(found, np.array([1, 0])) <= exact + 2.5


@pytest.mark.parametrize(("size", "n_seeds"), [(FEW, 1000), (SOME, 20), (MANY, 1)])
def test_a_teacher_that_knows_nothing_or_little_is_never_refused(size: tuple[int, Floats], n_seeds: int) -> None:
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        labels = sets(size, rng)
        noise = rng.normal(size=labels.shape)
        assert moves_of(noise, labels) is None, seed
        assert moves_of(noise + 2 * rng.normal(size=(len(labels), 1)), labels) is None, seed
        assert moves_of(answers(labels, 0.3, rng), labels) is None, seed


@pytest.mark.parametrize(("size", "n_seeds"), [(FEW, 100), (SOME, 4), (MANY, 1)])
def test_a_teacher_in_order_is_never_refused(size: tuple[int, Floats], n_seeds: int) -> None:
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        labels = sets(size, rng)
        good = answers(labels, 4.0, rng)
        assert moves_of(good, labels) is None, seed
        assert moves_of(-good, labels) is None, seed  # It is always wrong, and in no other order right.
        knows_few = np.where(np.arange(labels.shape[1]) < 2, good, rng.normal(size=labels.shape))
        assert moves_of(knows_few, labels) is None, seed
        only_how_many = labels.sum(axis=1, keepdims=True) + 0.5 * rng.normal(size=labels.shape)
        assert moves_of(only_how_many, labels) is None, seed


@pytest.mark.parametrize(("size", "n_seeds", "share"), [(FEW, 100, 1.0), (SOME, 4, 0.9), (MANY, 1, 0.8)])
def test_a_good_teacher_with_columns_in_another_order_is_found(
    size: tuple[int, Floats], n_seeds: int, share: float
) -> None:
    n_found = 0
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        labels = sets(size, rng)
        order = rng.permutation(labels.shape[1])
        if (order == np.arange(len(order))).all():
            order = np.roll(order, 1)
        moves = moves_of(answers(labels, 4.0, rng)[:, order], labels)
        n_found += moves is not None
        assert moves is None or np.mean(np.array(moves) == order) >= share, seed
    assert n_found >= 0.95 * n_seeds  # A hundred texts are just enough for an exchange of two rare labels.


def test_two_exchanged_columns_of_many_are_found_with_unknown_labels_too() -> None:
    rng = np.random.default_rng(0)
    labels = sets(SOME, rng)
    good = answers(labels, 3.0, rng)
    unknown = np.where(rng.random(labels.shape) < 0.3, -1, labels)
    exchanged = np.arange(28)
    exchanged[[2, 7]] = 7, 2
    assert moves_of(good[:, exchanged], unknown) == exchanged.tolist()
    assert moves_of(good, unknown) is None


def test_a_label_that_is_a_part_of_another_is_no_exchange() -> None:
    # Whoever has the second label has the first, and the teacher knows the second better, by both columns.
    for seed in range(50):
        rng = np.random.default_rng(seed)
        first = rng.random(400) < 0.4
        labels = np.stack([first, first & (rng.random(400) < 0.5)], axis=1).astype(np.int8)
        logits = np.stack([labels[:, 1] * 3.0, labels[:, 1] * 2.0], axis=1) + rng.normal(size=(400, 2))
        assert moves_of(logits, labels) is None, seed


def test_the_order_that_fits_is_named() -> None:
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]] * 30, dtype=np.int8)
    logits = labels[:, [1, 0, 2]] * 4.0 - 2
    with pytest.raises(CorpusError) as caught:
        refuse_other_assignment(logits, labels, ["a", "b", "c"], "t")
    # A column of b tells a in 30 + 30 of 60 x 60 pairs: half of those with the label have the other one too.
    assert str(caught.value) == (
        "t: its columns are in another order than the labels: taken as a, b, c the 2 that would move have a mean ROC AUC of 0.500 on dev, "
        "taken as b, a, c they would have one of 1.000; if that is the order of its columns, set teacher.labels: [b, a, c]"
    )
    with pytest.raises(CorpusError, match=r"it has learnt the labels of train, so dev means something else by them"):
        refuse_other_assignment(logits, labels, ["a", "b", "c"], "t", setting=None)
    refuse_other_assignment(labels * 4.0 - 2, labels, ["a", "b", "c"], "t")


def test_labels_of_too_few_texts_to_tell_an_order_are_named() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((300, 4), dtype=np.int8)
    for column, n in enumerate((100, 80, 4, 3)):
        labels[rng.choice(300, n, replace=False), column] = 1
    assert labels_with_few_texts(labels) == ([3], False)
    assert about_few_texts(labels, "abcd") == (
        "dev has too few texts of d (3) to notice whether their columns are in another order"
    )
    few = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 2, dtype=np.int8)
    assert about_few_texts(few, "ab") == (
        "dev has 8 texts, of a (4), b (4), too few to notice whether its columns are in another order"
    )
