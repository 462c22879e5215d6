"""The lines about a file of answers: how many of which form, and the rule that made probabilities of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from distune._plural import n_of
from distune.corpora.answer_cells import Answer, Form, LabelNames
from distune.corpora.answer_rule import AnswerRule, Probabilities
from distune.corpora.answer_sets import EVEN, SetAnswer
from distune.corpora.label_logits import SMALLEST_PROBABILITY

WORDS: Mapping[Form, str] = {
    "logprobs": "log-probabilities",
    "probabilities": "probabilities",
    "votes": "votes",
    "confidence": "a label with a confidence",
    "label": "one label",
}
SETS_IN_WORDS: Mapping[Form, str] = {
    **WORDS,
    "confidence": "a list of labels with a confidence",
    "label": "one list of labels, which is one vote",
}
TIE = 1e-9
Answers = Sequence[Answer] | Sequence[SetAnswer]


def shown_forms(answered: Iterable[Answers], words: Mapping[Form, str]) -> str:
    """How many texts have answers of each form; a text of several forms counts for the one that says most."""
    counts = Counter(next(form for form in words if any(one.form == form for one in found)) for found in answered)
    return ", ".join(f"{counts[form]:,} with {said}" for form, said in words.items() if counts[form])


def notes_of_forms(answered: Sequence[Answers], n_abstained: int, words: Mapping[Form, str]) -> list[str]:
    """The lines about the answers to each text that has some: their forms, and where they contradict each other."""
    abstentions = (
        f"; {n_of(n_abstained, 'text has', 'texts have')} an abstention, which is no row" if n_abstained else ""
    )
    found = [f"answers to {n_of(len(answered), 'text')}, {shown_forms(answered, words)}{abstentions}"]
    several = [answers for answers in answered if len(answers) > 1]
    if several:
        n_apart = sum(len({one.likeliest for one in answers}) > 1 for answers in several)
        found.append(
            f"{n_of(len(several), 'text stands', 'texts stand')} in several rows, {n_apart:,} of them with answers that "
            "contradict each other: votes are added up, other answers are averaged as probabilities"
        )
    n_rescaled = sum(any(one.is_rescaled for one in answers) for answers in answered)
    if n_rescaled:
        found.append(
            f"{n_of(n_rescaled, 'text has', 'texts have')} probabilities that do not add up to 1; they are divided by their sum"
        )
    return found


def rule_of_labels(answered: Sequence[Sequence[Answer]], probabilities: Probabilities, rule: AnswerRule) -> list[str]:
    """The lines about the rule that made probabilities `[texts, classes]` of answers of one label."""
    n_classes, found = probabilities.shape[1], []
    if votes := _shown_votes(answered):
        found.append(
            f"{votes}: a label with c of n votes has the probability "
            f"(c + {rule.prior_strength / n_classes:.3g}) / (n + {rule.prior_strength:g}), by teacher.answers.prior_strength"
        )
    forms = {one.form for answers in answered for one in answers}
    if "logprobs" in forms:
        found.append(
            "what log-probabilities leave of 1 goes evenly to the labels that they lack, each below the least likely one"
        )
    if forms & {"probabilities", "confidence"}:
        found.append("what probabilities or a confidence leave of 1 goes evenly to the labels that they lack")
    n_doubted = sum(one.is_doubted for answers in answered for one in answers)
    if n_doubted:
        found.append(
            f"{n_of(n_doubted, 'confidence is', 'confidences are')} below 1/{n_classes}, by which other labels are likelier than the named one"
        )
    largest = np.sort(probabilities, axis=1)[:, -2:]
    n_tied = int((largest[:, 1] - largest[:, 0] < TIE).sum())
    if n_tied:
        found.append(
            f"{n_of(n_tied, 'text has', 'texts have')} no likeliest label, as two are equally likely; as an answer the first of them counts"
        )
    return found


def rule_of_sets(answered: Sequence[Sequence[SetAnswer]], probabilities: Probabilities, names: LabelNames) -> list[str]:
    """The lines about the rule that made probabilities `[texts, labels]` of answers of several labels."""
    strength, found = names.rule.prior_strength, []
    if votes := _shown_votes(answered):
        found.append(
            f"{votes}: a label that c of n votes have has the probability (c + {strength / 2:.3g}) / (n + {strength:g}), by "
            "teacher.answers.prior_strength"
        )
    forms = {one.form for answers in answered for one in answers}
    if "confidence" in forms:
        found.append("a confidence c gives each label of the list the probability c, and each other label 1 - c")
    n_doubted = sum(one.is_doubted for answers in answered for one in answers)
    if n_doubted:
        found.append(
            f"{n_of(n_doubted, 'confidence is', 'confidences are')} below 1/2, by which the other labels are likelier than the named ones"
        )
    n_certain = int((probabilities >= 1 - SMALLEST_PROBABILITY).any(axis=1).sum())
    if n_certain:
        found.append(
            f"{n_of(n_certain, 'text has', 'texts have')} a label with the probability 1, which counts as 1 - {SMALLEST_PROBABILITY:g}"
        )
    given = probabilities >= EVEN
    n_none, n_even = int((~given.any(axis=1)).sum()), int((np.abs(probabilities - EVEN) < TIE).any(axis=1).sum())
    even = f"; {n_of(n_even, 'text has', 'texts have')} one of exactly 0.5, which counts as an answer" if n_even else ""
    found.append(
        f"{given.sum() / len(given):.2f} labels a text have a probability of 0.5 or more, and {n_of(n_none, 'text has', 'texts have')} no such "
        f"label{even}"
    )
    n_apart = sum(len(answers) > 1 and all(_names_one(one) for one in answers) for answers in answered)
    if n_apart:
        found.append(
            f"{n_of(n_apart, 'text stands', 'texts stand')} in several rows of one label each, and each row is a vote; if they are the labels of "
            "one answer, write these as a list into one row"
        )
    n_given = given.sum(axis=0, dtype=np.int64)
    unused = [label for label, n in zip(names.labels, n_given, strict=True) if not n]
    if unused:
        more = f" and {len(unused) - 5} more" if unused[5:] else ""
        found.append(f"no text is answered with {', '.join(unused[:5])}{more}")
    return found


def _names_one(answer: SetAnswer) -> bool:
    return answer.form == "label" and answer.votes is not None and int(answer.votes.sum()) == 1


def _shown_votes(answered: Sequence[Answers]) -> str:
    """How many votes there are, and how many a text; "" without any."""
    totals = [n for answers in answered if (n := sum(one.n_votes for one in answers))]
    if not totals:
        return ""
    each = f"{min(totals)}" if min(totals) == max(totals) else f"{min(totals)} to {max(totals)}"
    return f"{n_of(sum(totals), 'vote')}, {each} a text"
