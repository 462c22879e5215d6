"""A guard against columns in the wrong order: would another assignment of a teacher's columns to labels be right far more often?

Found is the assignment that is right on the most dev texts, an assignment problem over the confusion matrix (Kuhn
1955). Some permutation always beats the given order by chance, and the more so the more classes there are. So it counts
only if three things hold for the columns that it moves. It gains a share of dev that matters. McNemar's exact test says
that it is right more often than the given order by no chance. And it is right more often than any permutation would be
whose answers had nothing to do with the labels: a teacher that always says one class tells nothing of an order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.columns import ColumnOrder
from distune.corpora.labelling import n_texts_of
from distune.corpora.texts import CorpusError
from distune.tuning.teachers.moves import CHANCE, Moves, cycles_of, exchange, moved_by, together
from distune.tuning.teachers.set_assignment import better_order, labels_with_few_texts

WITHIN = 0.2
"""How likely the answers of a cycle may go with the labels that it moves them to by chance."""
MIN_GAIN = 0.03
"""The share of dev on which another order must be right and the given one wrong, those it loses taken off."""
MOST_SHOWN = 5
"""How many classes a line names."""


def refuse_other_assignment(
    logits: NDArray[np.floating],
    labels: NDArray[np.integer[Any]],
    names: Sequence[str],
    source: str,
    columns: ColumnOrder | None = None,
    setting: str | None = "teacher.labels",
) -> None:
    """Raise CorpusError if the columns of `logits` `[texts, classes]` fit the `labels` far better in another order; these are
    `[texts]`, or `[texts, labels]` if a text has several.

    `names` are the classes in the order of the columns, `source` says whose logits they are, and `columns` how they
    were ordered, by which the message names the order in which the source has them. `setting` is the key of the study
    for it, None for a teacher that has learnt the labels of train, whose dev must mean something else by them. One that
    ends in `.answers` is of a file that names the labels.
    """
    found = _better_of_sets(logits, labels) if labels.ndim == 2 else _better_of_answers(logits, labels, len(names))
    if found is None:
        return
    moves, before, after = found
    taken = columns.by_column(names) if columns else list(names)
    fitting = [names[moves[names.index(name)]] for name in taken]
    remedy = f"if that is the order of its columns, set {setting}: [{', '.join(fitting)}]"
    if setting is not None and setting.endswith(".answers"):
        remedy = "its answers call the labels by each other's names: see what the prompt says of them, and ask again"
    if setting is None:
        remedy = "it has learnt the labels of train, so dev means something else by them: correct one of the two"
    raise CorpusError(
        f"{source}: its columns are in another order than the labels: taken as {', '.join(taken)} {before}, taken as {', '.join(fitting)} "
        f"{after}; {remedy}"
    )


def _better_of_answers(
    logits: NDArray[np.floating], labels: NDArray[np.integer[Any]], n_classes: int
) -> tuple[Moves, str, str] | None:
    """The assignment that is right on far more texts, if any, with a sentence about the given one and one about it."""
    counts = confusion(logits.argmax(axis=1), labels, n_classes)
    moves = better_assignment(counts)
    if moves is None:
        return None
    n, given, better = int(counts.sum()), int(np.trace(counts)), int(counts[np.arange(n_classes), moves].sum())
    return (
        moves,
        f"it is right on {given} of {n} dev texts ({100 * given / n:.1f} %)",
        f"it would be right on {better} ({100 * better / n:.1f} %)",
    )


def _better_of_sets(logits: NDArray[np.floating], labels: NDArray[np.integer[Any]]) -> tuple[Moves, str, str] | None:
    """The same if a text has several labels, of how well the columns tell the dev texts of the labels that would move."""
    found = better_order(logits, labels)
    if found is None:
        return None
    n_moved = len(moved_by(found.moves))
    return (
        found.moves,
        f"the {n_moved} that would move have a mean ROC AUC of {found.auc:.3f} on dev",
        f"they would have one of {found.better_auc:.3f}",
    )


def confusion(answers: NDArray[np.int64], labels: NDArray[np.integer[Any]], n_classes: int) -> NDArray[np.int64]:
    """`[answers, labels]`: how many texts of each label were given each answer."""
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (answers, labels), 1)
    return counts


def better_assignment(counts: NDArray[np.int64]) -> Moves | None:
    """The assignment of answers to labels that fits a confusion matrix `[answers, labels]` far better than the given one, if any.

    It is looked for among the best assignment as a whole, and each of its cycles alone: two columns exchanged among many.
    """
    # A text more for each class that stays: of two assignments alike, the one that moves less.
    gains = counts + np.eye(len(counts))
    others = np.where(np.eye(len(gains), dtype=bool), -1.0, gains)
    if (gains.diagonal() > others.max(axis=1)).all():  # No assignment beats the largest of each row.
        return None
    from scipy.optimize import linear_sum_assignment  # It takes a second to import.

    best = linear_sum_assignment(gains, maximize=True)[1].astype(np.int64)
    cycles = [cycle for cycle in cycles_of(best) if _answers_its_labels(counts, cycle)]
    return next((moves for moves in (together(cycles, len(best)), *cycles) if _is_far_better(counts, moves)), None)


def about_few_texts(labels: NDArray[np.integer[Any]], names: Sequence[str]) -> str:
    """The question about an order that a dev split with these labels cannot answer, even for a teacher that is always right;
    "" if it answers all. Labels are `[texts]`, or `[texts, labels]` if a text has several."""
    n_texts = n_texts_of(labels, len(names))
    if labels.ndim == 2:
        few, tells_nothing = labels_with_few_texts(labels)
    else:
        few, tells_nothing = _classes_with_few_texts(n_texts)
    if not few:
        return ""
    shown = ", ".join(f"{names[place]} ({n_texts[place]})" for place in few[:MOST_SHOWN])
    shown += f" and {len(few) - MOST_SHOWN} more" if few[MOST_SHOWN:] else ""
    if tells_nothing:
        n = len(labels) if labels.ndim == 2 else int(n_texts.sum())
        return f"dev has {n_of(n, 'text')}, of {shown}, too few to notice whether its columns are in another order"
    return f"dev has too few texts of {shown} to notice whether their columns are in another order"


def _classes_with_few_texts(n_texts: NDArray[np.int64]) -> tuple[list[int], bool]:
    """The classes whose exchange with another would not be noticed, and whether no order at all would be."""
    by_size = np.argsort(n_texts, kind="stable")
    # Exchanged with the next larger class, a class is the hardest to notice; the largest counts where another is as large.
    few = [
        int(place)
        for place, larger in zip(by_size, [*by_size[1:], by_size[-2]], strict=True)
        if n_texts[larger] >= n_texts[place] and not _is_found(n_texts, exchange(place, larger, len(n_texts)))
    ]
    return few, len(few) >= len(n_texts) - 1 and not _is_found(n_texts, np.roll(np.arange(len(n_texts)), 1))


def _is_found(n_texts: NDArray[np.int64], moves: Moves) -> bool:
    """Whether the columns of a teacher that is always right would be found in another order."""
    counts = np.zeros((len(moves), len(moves)), dtype=np.int64)
    counts[np.arange(len(moves)), moves] = n_texts[moves]
    return _answers_its_labels(counts, moves) and _is_far_better(counts, moves)


def _answers_its_labels(counts: NDArray[np.int64], cycle: Moves) -> bool:
    """Whether the answers of a cycle, among themselves, go with the labels that it moves them to.

    A teacher that avoids the extremes of a scale is right more often with neighbours exchanged, though within each pair the given
    order is the better one.
    """
    moved = moved_by(cycle)
    inner = counts[np.ix_(moved, cycle[moved])]
    n = int(inner.sum())
    if not n:
        return False
    share = float(inner.sum(axis=1) @ inner.sum(axis=0)) / n**2
    return log_at_least(int(np.trace(inner)), n, share) < math.log(WITHIN)


def _is_far_better(counts: NDArray[np.int64], moves: Moves) -> bool:
    moved = moved_by(moves)
    if not len(moved):
        return False
    won, lost = int(counts[moved, moves[moved]].sum()), int(counts[moved, moved].sum())
    if not won or won - lost < MIN_GAIN * counts.sum():
        return False
    n_choices = math.comb(len(moves), len(moved)) * max(1, len(moves) - 1)
    log_derangements = max(0.0, math.lgamma(len(moved) + 1) - 1)
    by_chance = log_at_least(won, won + lost, 0.5) + math.log(n_choices)
    if by_chance >= math.log(CHANCE):
        return False
    inner = counts[np.ix_(moved, moves[moved])]  # Its diagonal is what would be right.
    n = int(inner.sum())
    share = float(inner.sum(axis=1) @ inner.sum(axis=0)) / n**2
    unrelated = log_at_least(won, n, share) + math.log(n_choices) + log_derangements
    return unrelated < math.log(CHANCE)


def log_at_least(k: int, n: int, share: float) -> float:
    """The logarithm of the probability that of `n` draws `k` or more succeed, each with probability `share`; -inf if
    that probability is too small for a float."""
    from scipy.special import bdtrc  # scipy.stats would take a second to import.

    probability = float(bdtrc(k - 1, n, share))
    return math.log(probability) if probability else -math.inf
