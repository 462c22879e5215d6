"""Columns that order the texts of their labels the wrong way round, as the probabilities that a text lacks a label do.

A program that gives a pair of numbers for each label, as scikit-learn's `predict_proba` does, has that probability first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.texts import CorpusError
from distune.tuning.teachers.moves import CHANCE
from distune.tuning.teachers.set_assignment import GAINING, Agreement, Labels, agreement, largest_variance

LARGEST_AUC = 0.3
"""The largest ROC AUC of columns that may be turned; 0.5 is chance, and 0 is a column that is right if it is turned."""
MOST_SHOWN = 5
"""How many labels a line names."""


def refuse_turned(source: str, logits: NDArray[np.floating[Any]], labels: Labels) -> None:
    """Raise CorpusError if the columns of logits, nearly all of them and by no chance, are lower for texts with their label;
    both are `[texts, labels]`. If a text has one label, its classes are compared by `assignment`."""
    if labels.ndim == 1:
        return
    found = agreement(logits, labels)
    places = _with_both(labels)
    auc = found.auc[places, places]
    if not len(places) or auc.mean() > LARGEST_AUC or (auc < 0.5).mean() < GAINING:
        return
    below = float(found.statistic[places, places].sum())
    if -(below**2) / (2 * largest_variance(found.ranks[:, places], found.labels[:, places])) < math.log(CHANCE):
        raise CorpusError(
            f"{source}: its numbers are lower for the dev texts of a label than for the others (a mean ROC AUC of {abs(auc.mean()):.3f}), as the probabilities "
            "that a text lacks the label are; give those that it has it"
        )


def about_turned(source: str, logits: NDArray[np.floating[Any]], labels: Labels, names: Sequence[str]) -> list[str]:
    """The line about single columns of this kind."""
    found = agreement(logits, labels)
    turned = [place for place in _with_both(labels) if _is_turned(found, place)]
    if not turned:
        return []
    shown = ", ".join(f"{names[place]} ({abs(found.auc[place, place]):.3f})" for place in turned[:MOST_SHOWN])
    more = f" and {len(turned) - MOST_SHOWN} more" if turned[MOST_SHOWN:] else ""
    return [
        f"{source}: its numbers are lower for the dev texts of a label than for the others, by the ROC AUC of {shown}{more}; are these the probabilities "
        "that a text lacks the label?"
    ]


def _is_turned(found: Agreement, place: int) -> bool:
    chance = -(float(found.statistic[place, place]) ** 2) / 2 + math.log(len(found.auc))
    return bool(found.auc[place, place] <= LARGEST_AUC) and chance < math.log(CHANCE)


def _with_both(labels: Labels) -> NDArray[np.int64]:
    """The labels that some texts have and others have not."""
    return np.flatnonzero((labels == 1).any(axis=0) & (labels == 0).any(axis=0))
