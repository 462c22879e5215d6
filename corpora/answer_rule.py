"""The rule that makes probabilities of answers: votes, scores of some labels, or one label with a confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
BELOW_THE_LISTED = 0.999
"""A label that top-k lacks is less likely than the least likely label that it lists, by this factor at least."""


@dataclass(frozen=True, kw_only=True)
class AnswerRule:
    """The total strength of the prior of votes, and the names of answers that give no label."""

    prior_strength: float = 1.0
    abstentions: tuple[str, ...] = ()


def of_votes(counts: NDArray[np.int64], prior_strength: float) -> Probabilities:
    """`[classes]` of votes `[classes]`: their posterior mean under a symmetric Dirichlet prior of this total strength."""
    return np.asarray((counts + prior_strength / len(counts)) / (counts.sum() + prior_strength))


def of_scores(given: Mapping[int, float], n_classes: int, is_top_k: bool) -> Probabilities:
    """`[classes]` of the probabilities of some classes: what they leave of 1 goes evenly to the classes that are
    missing, and without missing classes their sum becomes 1.

    With `is_top_k`, a missing class stays less likely than each that is listed: it would be in the list otherwise.
    """
    found = np.zeros(n_classes)
    found[list(given)] = list(given.values())
    missing = [place for place in range(n_classes) if place not in given]
    if missing:
        share = max(0.0, 1 - found.sum()) / len(missing)
        found[missing] = min(share, BELOW_THE_LISTED * min(given.values())) if is_top_k else share
    return np.asarray(found / found.sum())


def of_confidence(label: int, confidence: float, n_classes: int) -> Probabilities:
    """`[classes]` of a label with a confidence: the rest goes evenly to the other classes."""
    found = np.full(n_classes, (1 - confidence) / (n_classes - 1))
    found[label] = confidence
    return found


def joined(votes: NDArray[np.int64], scored: Sequence[Probabilities], prior_strength: float) -> Probabilities:
    """`[classes]` of all answers to one text: votes `[classes]` are added up, and count as one among the scored answers,
    of which it is the mean."""
    parts = [*([of_votes(votes, prior_strength)] if votes.any() else []), *scored]
    return np.asarray(np.mean(parts, axis=0))


def of_set_votes(counts: NDArray[np.int64], n_votes: int, prior_strength: float) -> Probabilities:
    """`[labels]` of how many of `n_votes` have each label `[labels]`: each is a task of two classes of its own, with the
    posterior mean under an even Beta prior of this total strength."""
    return np.asarray((counts + prior_strength / 2) / (n_votes + prior_strength))


def of_set_confidence(has: NDArray[np.bool_], confidence: float) -> Probabilities:
    """`[labels]` of whether an answer has each label `[labels]`: what it says of each is right with this confidence."""
    return np.where(has, confidence, 1 - confidence)


def joined_sets(
    counts: NDArray[np.int64], n_votes: int, scored: Sequence[Probabilities], prior_strength: float
) -> Probabilities:
    """`[labels]` of all answers to one text: votes are added up, and count as one among the scored answers, of which it is the
    mean."""
    parts = [*([of_set_votes(counts, n_votes, prior_strength)] if n_votes else []), *scored]
    return np.asarray(np.mean(parts, axis=0))
