"""The lines about a file of answers: how many of which form, and the rule that made probabilities of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from distune._plural import n_of
from distune.corpora.answer_cells import Answer, Form
from distune.corpora.answer_rule import AnswerRule, Probabilities

IN_WORDS: Mapping[Form, str] = {
    "logprobs": "log-probabilities",
    "probabilities": "probabilities",
    "votes": "votes",
    "confidence": "a label with a confidence",
    "label": "one label",
}
TIE = 1e-9


def shown_forms(answered: Iterable[Sequence[Answer]]) -> str:
    """How many texts have answers of each form; a text of several forms counts for the one that says most."""
    counts = Counter(next(form for form in IN_WORDS if any(one.form == form for one in found)) for found in answered)
    return ", ".join(f"{counts[form]:,} with {words}" for form, words in IN_WORDS.items() if counts[form])


def notes_about(
    answered: Sequence[Sequence[Answer]], n_abstained: int, probabilities: Probabilities, rule: AnswerRule
) -> list[str]:
    """The lines about the answers to each text that has some, and the `probabilities` `[texts, classes]` made of them."""
    return [*_of_forms(answered, n_abstained), *_of_rule(answered, probabilities, rule)]


def _of_forms(answered: Sequence[Sequence[Answer]], n_abstained: int) -> list[str]:
    abstentions = n_of(n_abstained, "text has", "texts have")
    found = [
        f"answers to {n_of(len(answered), 'text')}, {shown_forms(answered)}; {abstentions} an abstention, which is no row"
    ]
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


def _of_rule(answered: Sequence[Sequence[Answer]], probabilities: Probabilities, rule: AnswerRule) -> list[str]:
    n_classes, found = probabilities.shape[1], []
    totals = [n for answers in answered if (n := sum(one.n_votes for one in answers))]
    if totals:
        each = f"{min(totals)}" if min(totals) == max(totals) else f"{min(totals)} to {max(totals)}"
        found.append(
            f"{n_of(sum(totals), 'vote')}, {each} a text: a label with c of n votes has the probability "
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
