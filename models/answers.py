"""Texts and the answers to them, one by one and as arrays, and how sure an answer is.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, NotRequired, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from .checkpoint_folder import CheckpointError
from .decision import confidences

PRINTED_DIGITS = 6
"""Decimal places of a probability in an answer."""
Text = str | Sequence[str]
"""A text, or the two of a pair for a student of pairs."""


class TextError(ValueError):
    """A line or a row that is no text; the message says which."""

    exit_code: ClassVar[int] = 2


@final
class Answer(TypedDict):
    """The answer to a text. The label is the likeliest, or the one that the folder's threshold decides for.

    `has_known_token` is false if the vocabulary has none of the tokens of the text; then the label says nothing about it.
    `abstained` is there if it was asked for: whether the probability of the label is below the given one.
    """

    label: str
    probabilities: dict[str, float]
    has_known_token: bool
    abstained: NotRequired[bool]


@final
class SetAnswer(TypedDict):
    """The answer to a text by a student of several labels a text: the labels with a probability from their threshold on.

    The probabilities are independent of each other. `has_known_token` is that of `Answer`, and so is `abstained`, for
    the least sure of the labels.
    """

    labels: list[str]
    probabilities: dict[str, float]
    has_known_token: bool
    abstained: NotRequired[bool]


class Answered(NamedTuple):
    """The answers to some texts as arrays, in the order of the texts."""

    answers: NDArray[np.int64]
    """The answers as the decision of the student gives them: a class, or 1 for each answered label."""
    probabilities: NDArray[np.float32]
    """Probabilities `[texts, classes]`; an answer has them by `six_decimals`."""
    unknown_shares: NDArray[np.float64]
    """The share of the tokens of each text that the vocabulary lacks."""

    @property
    def has_known_token(self) -> NDArray[np.bool_]:
        """Whether the vocabulary has any token of each text."""
        return self.unknown_shares < 1

    def abstained(self, abstain_below: float) -> NDArray[np.bool_]:
        """Whether each answer is less sure than `abstain_below`, as an answer says it that has six decimals."""
        sure = six_decimals(confidences(self.answers, six_decimals(self.probabilities)))
        return sure < abstain_below


AnyAnswer = Answer | SetAnswer
"""An answer of either kind; `"labels" in answer` tells which, also to a type checker."""


def confidence_of(answer: AnyAnswer) -> float:
    """How sure an answer is: the probability of its label. If a text has several labels, the answer is as sure as its least
    sure label: the probability of an answered one, and of the absence of another."""
    if "labels" in answer:
        labels = {*answer["labels"]}
        sure = (p if label in labels else 1 - p for label, p in answer["probabilities"].items())
        return round(min(sure), PRINTED_DIGITS)
    return answer["probabilities"][answer["label"]]


def abstaining(answer: AnyAnswer, abstain_below: float) -> AnyAnswer:
    """The answer with `abstained`: whether it is less sure than `abstain_below`."""
    return {**answer, "abstained": confidence_of(answer) < abstain_below}  # type: ignore[return-value]


def check_abstaining(abstain_below: float | None) -> None:
    """Raise CheckpointError for what is no probability to abstain below, and no None."""
    if abstain_below is None:
        return
    is_number = isinstance(abstain_below, int | float | np.number) and not isinstance(abstain_below, bool)
    if not is_number or not 0 <= abstain_below <= 1:
        raise CheckpointError(f"abstain_below must be a number from 0 to 1, but got {abstain_below!r:.100}")


def unknown_shares(
    n_unknown: NDArray[np.integer[Any]], lengths: NDArray[np.integer[Any]], are_pairs: bool
) -> NDArray[np.float64]:
    """The share of unknown tokens `[texts]`, of their number and the number of all tokens; the separator of a pair is none."""
    n_tokens = lengths - are_pairs
    return np.where(n_unknown < n_tokens, n_unknown / np.maximum(n_tokens, 1), 1.0)


def six_decimals(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities rounded as Python's `round` does: a float32 times 10^6 never looks like a tie that it is not."""
    rounded: NDArray[np.float64] = np.rint(probabilities.astype(np.float64) * 1e6) / 1e6
    return rounded


def lacking_side(pair: Sequence[str]) -> str:
    """Which text of a pair is empty while the other one is not, as a word; a corpus has no such pairs. "" for none."""
    first, second = (bool(side.strip()) for side in pair)
    return "" if first == second else "second" if first else "first"
