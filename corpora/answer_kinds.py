"""The two kinds of answers in a file: one label a text, or several. All that reads and joins answers asks here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from distune.corpora.answer_cells import Answer, Form, LabelNames, of_label, of_votes, scores_of
from distune.corpora.answer_notes import SETS_IN_WORDS, WORDS, rule_of_labels, rule_of_sets
from distune.corpora.answer_rule import AnswerRule, Probabilities, joined, joined_sets
from distune.corpora.answer_sets import SetAnswer, of_set, probabilities_of
from distune.corpora.answer_sets import of_votes as of_set_votes
from distune.corpora.label_logits import SMALLEST_PROBABILITY
from distune.corpora.logits_columns import FLOOR
from distune.corpora.narrowing import with_classes
from distune.corpora.teacher_logits import Logits
from distune.corpora.texts import CorpusError

Cells = Mapping[str, Any]
"""The cells of a row by form, and those that belong to one of them: `confidence` and `n_votes`."""


class AnswerKind(Protocol):
    """Answers of one label a text, or of several."""

    columns: Mapping[str, tuple[str, ...]]
    """The columns of each form, that which says most first."""
    words: Mapping[Form, str]
    """Each form in words."""

    def answer(self, names: LabelNames, form: str, cells: Cells, where: str) -> Any:
        """The answer of a row."""
        ...

    def together(self, answers: Sequence[Any], n_labels: int, rule: AnswerRule) -> Probabilities:
        """`[labels]` of all answers to one text."""
        ...

    def logits(self, probabilities: Probabilities) -> Logits:
        """`[texts, labels]` in float32; a probability of 0 counts as 1e-7."""
        ...

    def notes(self, answered: Sequence[Sequence[Any]], found: Probabilities, names: LabelNames) -> list[str]:
        """The lines about the rule that made probabilities `[texts, labels]` of the answers."""
        ...


class OneLabelAnswers:
    """An answer is a class, and the probabilities of a text add up to 1."""

    columns: Mapping[str, tuple[str, ...]] = {
        "logprobs": ("logprobs",),
        "probabilities": ("probabilities",),
        "votes": ("votes", "labels", "answers"),
        "label": ("label", "answer"),
    }
    words = WORDS

    def answer(self, names: LabelNames, form: str, cells: Cells, where: str) -> Answer:
        if form in ("logprobs", "probabilities"):
            return scores_of(names, cells[form], form == "logprobs", where)
        if form == "votes":
            return of_votes(names, cells[form], where)
        return of_label(names, cells.get("label"), cells.get("confidence"), where)

    def together(self, answers: Sequence[Answer], n_labels: int, rule: AnswerRule) -> Probabilities:
        votes = np.zeros(n_labels, dtype=np.int64)
        for one in answers:
            if one.votes is not None:
                votes += one.votes
        scored = [one.probabilities for one in answers if one.probabilities is not None]
        return joined(votes, scored, rule.prior_strength)

    def logits(self, probabilities: Probabilities) -> Logits:
        """Logarithms."""
        clipped = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)).astype(np.float32)
        logs = np.where(probabilities <= SMALLEST_PROBABILITY, FLOOR, clipped)
        return with_classes(logs, probabilities.argmax(axis=1)).astype(np.float32)

    def notes(self, answered: Sequence[Sequence[Answer]], found: Probabilities, names: LabelNames) -> list[str]:
        return rule_of_labels(answered, found, names.rule)


class SetAnswers:
    """An answer is a set of labels, which may be empty, and the probabilities of labels are independent.

    A column `labels` has the labels of one vote, as in a corpus.
    """

    columns: Mapping[str, tuple[str, ...]] = {
        "logprobs": ("logprobs",),
        "probabilities": ("probabilities",),
        "votes": ("votes", "answers"),
        "label": ("label", "labels", "answer"),
    }
    words = SETS_IN_WORDS

    def answer(self, names: LabelNames, form: str, cells: Cells, where: str) -> SetAnswer:
        if form == "logprobs":
            raise CorpusError(
                f"{where}: logprobs are of labels that exclude each other; where a text has several, write the probability of each label by "
                "itself into a column probabilities"
            )
        if form == "probabilities":
            return probabilities_of(names, cells[form], where)
        if form == "votes":
            return of_set_votes(names, cells[form], cells.get("n_votes"), where)
        return of_set(names, cells.get("label"), cells.get("confidence"), where)

    def together(self, answers: Sequence[SetAnswer], n_labels: int, rule: AnswerRule) -> Probabilities:
        counts = np.zeros(n_labels, dtype=np.int64)
        for one in answers:
            if one.votes is not None:
                counts += one.votes
        scored = [one.probabilities for one in answers if one.probabilities is not None]
        return joined_sets(counts, sum(one.n_votes for one in answers), scored, rule.prior_strength)

    def logits(self, probabilities: Probabilities) -> Logits:
        """The logarithm of p / (1 - p); a probability of 1 counts as 1 - 1e-7."""
        clipped = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        logs = (np.log(clipped) - np.log1p(-clipped)).astype(np.float32)
        logs = np.where(probabilities <= SMALLEST_PROBABILITY, FLOOR, logs)
        return np.where(probabilities >= 1 - SMALLEST_PROBABILITY, -FLOOR, logs).astype(np.float32)

    def notes(self, answered: Sequence[Sequence[SetAnswer]], found: Probabilities, names: LabelNames) -> list[str]:
        return rule_of_sets(answered, found, names)


ONE_LABEL_ANSWERS = OneLabelAnswers()
SET_ANSWERS = SetAnswers()


def answers_of(is_multi_label: bool) -> AnswerKind:
    return SET_ANSWERS if is_multi_label else ONE_LABEL_ANSWERS
