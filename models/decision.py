"""From logits to probabilities and to the answer: the likeliest class, one class from a threshold on, or every label from its own.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Answers = NDArray[np.int64]
"""The answered class `[texts]`, or 1 for each answered label `[texts, labels]`."""
EVEN = 0.5
LEAST_TEMPERATURE = 1e-3
"""Beyond it and its inverse a temperature fits no logits, and the quotients may overflow."""


@dataclass(frozen=True)
class Decision:
    """The rule that turns probabilities into one answer a text.

    Without a threshold the answer is the class with the largest probability. With one, the class `index` is the answer
    if its probability is at least `threshold`, and the likeliest of the others if it is not. Probabilities are those of
    logits over `temperature` (Guo et al. 2017). The threshold is of a probability at a temperature of 1, so that no
    temperature changes an answer.
    """

    index: int = 0
    threshold: float | None = None
    temperature: float = 1.0

    @property
    def answers_from(self) -> float | None:
        """The calibrated probability from which on the class `index` is the answer, None without a threshold."""
        return None if self.threshold is None else _moved(self.threshold, self.temperature)

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrated probabilities of logits, `[texts, classes]` both; those of a text sum to 1."""
        return _scaled(softmax, logits, self.temperature)

    def of_probabilities(self, probabilities: Floats) -> Answers:
        """The answered class `[texts]` of calibrated probabilities `[texts, classes]`. It is that of the logits, unless a
        probability is rounded to the threshold."""
        return self._answers(probabilities, self.answers_from)

    def _answers(self, probabilities: Floats, threshold: float | None) -> Answers:
        if threshold is None:
            return np.asarray(probabilities.argmax(axis=1))
        others = probabilities.copy()
        others[:, self.index] = -1.0
        is_class = probabilities[:, self.index] >= threshold
        answers: Answers = np.where(is_class, self.index, others.argmax(axis=1))
        return answers

    def of_logits(self, logits: Floats) -> Answers:
        """The answered class `[texts]` of logits `[texts, classes]`."""
        if self.threshold is None:
            return np.asarray(logits.argmax(axis=1))
        return self._answers(softmax(logits), self.threshold)

    def labels_of(self, answers: Answers, labels: Sequence[str]) -> list[list[str]]:
        """The one label of each text, of answers `[texts]`."""
        return [[labels[int(i)]] for i in answers]

    def named(self, labels: Sequence[str]) -> dict[str, float]:
        """`answers_from` by the name of its class, and empty without one."""
        return {} if self.answers_from is None else {labels[self.index]: self.answers_from}

    def stored(self, labels: Sequence[str]) -> dict[str, float]:
        """The threshold as a checkpoint keeps it: by the name of its class, and empty without one."""
        return {} if self.threshold is None else {labels[self.index]: self.threshold}


@dataclass(frozen=True)
class EachLabel:
    """The rule that turns probabilities into several labels a text, or none: each label is answered from its own threshold on.

    `thresholds` are in the order of the labels, and of probabilities at a temperature of 1. Probabilities are those of
    logits over `temperature`.
    """

    thresholds: tuple[float, ...]
    temperature: float = 1.0

    @property
    def answers_from(self) -> tuple[float, ...]:
        """The calibrated probability from which on each label is answered."""
        return tuple(_moved(one, self.temperature) for one in self.thresholds)

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrated probabilities of logits, `[texts, labels]` both; those of a text are independent."""
        return _scaled(sigmoid, logits, self.temperature)

    def of_probabilities(self, probabilities: Floats) -> Answers:
        """1 for each answered label `[texts, labels]`, and 0 for the others, of calibrated probabilities. They are those of
        the logits, unless a probability is rounded to a threshold."""
        return _at_least(probabilities, self.answers_from)

    def of_logits(self, logits: Floats) -> Answers:
        """1 for each answered label `[texts, labels]`, and 0 for the others."""
        return _at_least(sigmoid(logits), self.thresholds)

    def labels_of(self, answers: Answers, labels: Sequence[str]) -> list[list[str]]:
        """The labels of each text in the order of `labels`, of answers `[texts, labels]`."""
        return [[labels[int(i)] for i in np.flatnonzero(row)] for row in answers]

    def named(self, labels: Sequence[str]) -> dict[str, float]:
        """`answers_from` by the names of all labels."""
        return dict(zip(labels, self.answers_from, strict=True))

    def stored(self, labels: Sequence[str]) -> dict[str, float]:
        """The thresholds as a checkpoint keeps them: by the names of all labels."""
        return dict(zip(labels, self.thresholds, strict=True))


AnyDecision = Decision | EachLabel
LIKELIEST = Decision()


def even(n_labels: int) -> EachLabel:
    """The rule that answers each label from a probability of 0.5 on."""
    return EachLabel((EVEN,) * n_labels)


def _at_least(probabilities: Floats, thresholds: Sequence[float]) -> Answers:
    return (probabilities >= np.asarray(thresholds, dtype=probabilities.dtype)).astype(np.int64)


def _moved(threshold: float, by: float) -> float:
    """The probability whose logit is that of `threshold` over `by`."""
    if threshold in (0, 1) or by == 1:
        return threshold
    logit = log(threshold / (1 - threshold)) / by
    # The exponential of a negative number alone cannot overflow.
    small = exp(-abs(logit))
    return (1 if logit >= 0 else small) / (1 + small)


def decision_of(
    thresholds: Mapping[str, float], labels: Sequence[str], is_multi_label: bool = False, temperature: float = 1.0
) -> AnyDecision:
    """The rule that a checkpoint keeps as `thresholds`, those of `stored`, and a `temperature`.

    Raises ValueError for another class than those in `labels`, for more than one unless each text has several labels,
    and for fewer than all if it has. It also raises it for what is no probability, and for a temperature that is no
    number above 0. Among more than two classes it raises it for a temperature next to a threshold.
    """
    is_number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not is_number or not LEAST_TEMPERATURE <= temperature <= 1 / LEAST_TEMPERATURE:
        raise ValueError(
            f"temperature must be a number from {LEAST_TEMPERATURE:g} to {1 / LEAST_TEMPERATURE:g}, but got {temperature!r:.100}"
        )
    for label, threshold in thresholds.items():
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise ValueError(f"the threshold of {label!r} must be a probability, but got {threshold!r:.100}")
    if is_multi_label:
        _name_each(thresholds, labels)
        return EachLabel(tuple(float(thresholds[label]) for label in labels), float(temperature))
    if not thresholds:
        return Decision(temperature=float(temperature))
    label, *more = thresholds
    if more or label not in labels:
        raise ValueError(f"thresholds must name one of the labels, but got {list(thresholds)}")
    if len(labels) > 2 and temperature != 1:
        raise ValueError(f"temperature must be 1 with a threshold among {len(labels)} labels, but got {temperature:g}")
    return Decision(list(labels).index(label), float(thresholds[label]), float(temperature))


def _name_each(thresholds: Mapping[str, float], labels: Sequence[str]) -> None:
    missing = [label for label in labels if label not in thresholds]
    unknown = [label for label in thresholds if label not in {*labels}]
    if missing or unknown:
        fault = f"{missing[0]!r} has none" if missing else f"{unknown[0]!r} is none of them"
        raise ValueError(f"thresholds must name each of the {len(labels)} labels, but {fault}")


def same_answers(one: Answers, other: Answers) -> NDArray[np.bool_]:
    """Whether two answers to each text are the same, `[texts]`; of several labels, whether all are."""
    same = np.asarray(one == other)
    return same if same.ndim == 1 else np.asarray(same.all(axis=1))


def confidences(answers: Answers, probabilities: Floats) -> Floats:
    """How sure each answer is, `[texts]`: the probability of the answered class. If a text has several labels, the answer is as
    sure as its least sure label: the probability of an answered one, and of the absence of another."""
    if answers.ndim == 1:
        return np.asarray(probabilities[np.arange(len(answers)), answers])
    return np.asarray(np.where(answers == 1, probabilities, 1 - probabilities).min(axis=1))


def _scaled(probabilities: Callable[[Floats], Floats], logits: Floats, temperature: float) -> Floats:
    """Probabilities of logits over a temperature, in the numbers of the logits."""
    if temperature == 1:
        return probabilities(logits)
    return probabilities(logits.astype(np.float64) / temperature).astype(logits.dtype)


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits, `[texts, classes]` both."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def sigmoid(logits: Floats) -> Floats:
    """The probability of each logit by itself."""
    # The exponential of a negative number alone cannot overflow.
    small = np.exp(-np.abs(logits))
    probabilities: Floats = np.where(logits >= 0, 1, small) / (1 + small)
    return probabilities
