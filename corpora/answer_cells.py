"""One answer to a text as a file spells it: a label, votes, scores of labels, or a label with a confidence."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.answer_rule import AnswerRule, Probabilities, of_confidence, of_scores
from distune.corpora.answer_spelling import about_scores, by_label, joined_parts, spelt_value
from distune.corpora.cells import MISSING, is_nothing
from distune.corpora.one_spelling import WHOLE_FLOAT, without_stop
from distune.corpora.texts import CorpusError, normalise

Form = Literal["logprobs", "probabilities", "votes", "confidence", "label", "abstention"]
ROUNDING = 0.01
"""How far rounded probabilities may add up beyond 1."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of one row: votes `[classes]` or probabilities `[classes]`, neither if it is an abstention.

    `is_rescaled` says that its probabilities of all labels did not add up to 1, and `is_doubted` that its confidence is
    so low that the other labels are likelier.
    """

    form: Form
    votes: NDArray[np.int64] | None = None
    probabilities: Probabilities | None = None
    is_rescaled: bool = False
    is_doubted: bool = False
    named: tuple[int, ...] = ()
    """The place of the label, of a row that names one."""

    @property
    def n_votes(self) -> int:
        return 0 if self.votes is None else int(self.votes.sum())

    @property
    def likeliest(self) -> int:
        """The place of its likeliest label, -1 for an abstention."""
        numbers = self.probabilities if self.votes is None else self.votes
        return -1 if numbers is None else int(np.argmax(numbers))


ABSTENTION = Answer(form="abstention")


@dataclass(frozen=True, kw_only=True)
class LabelNames:
    """The labels of the corpus, by which answers are read."""

    labels: Sequence[str]
    rule: AnswerRule

    def knows(self, name: str) -> bool:
        """Whether a name is a label or an abstention."""
        spelt = normalise(name)
        return spelt in self.labels or spelt in self.rule.abstentions

    def place_of(self, value: Any, where: str) -> int | None:
        """The place of a label, None for an abstention; raises CorpusError for a name that is neither."""
        if is_nothing(value):
            return None
        spellings = _spellings(value)
        for one in spellings:
            if one in self.labels:
                return self.labels.index(one)
        if spellings[0] in MISSING or any(one in self.rule.abstentions for one in spellings):
            return None
        others = [one.casefold() for one in self.labels if f"-{one}" != spellings[0]]  # -1 is never meant as 1.
        near = difflib.get_close_matches(spellings[0].casefold(), others, 1)
        meant = next((f" (is it {one!r}?)" for one in self.labels if near and one.casefold() == near[0]), "")
        raise CorpusError(
            f"{where}: the answer {str(value)[:60]!r} is no label{meant}; the labels of the corpus are "
            f"{', '.join(self.labels)}; if it means that there is no answer, set teacher.answers.abstentions: [{spellings[0][:60]}]"
        )


def _spellings(value: Any) -> list[str]:
    """The spellings that a label may have in the corpus: 1, 1.0 and "1" are one, as are true and True."""
    spelt = normalise(str(value))
    found = [spelt]
    if isinstance(value, bool):
        found.append(spelt.lower())
    elif isinstance(value, int | float | Decimal) and float(value).is_integer():
        found += [str(int(value)), f"{int(value)}.0"]
    elif WHOLE_FLOAT.fullmatch(spelt):  # pandas writes whole numbers so if some are missing.
        found.append(str(int(without_stop(spelt))))
    return found


def refuse_ambiguous(labels: Sequence[str], abstentions: Sequence[str]) -> None:
    """Raise CorpusError for an abstention that is a label too."""
    if both := [name for name in abstentions if name in labels]:
        raise CorpusError(
            f"teacher.answers.abstentions: {both[0]!r} is a label of the corpus, so that an answer {both[0]!r} has two meanings: leave it out "
            "there, or out of the labels"
        )


def named(cell: Any, class_names: Sequence[str]) -> Any:
    """The class names that the numbers of a cell stand for in the file's own metadata; -1 is no answer."""
    if isinstance(cell, list | tuple):
        return [named(one, class_names) for one in cell]
    if isinstance(cell, int | float) and not isinstance(cell, bool) and float(cell).is_integer():
        return class_names[int(cell)] if 0 <= cell < len(class_names) else None if cell == -1 else cell
    return cell


def of_label(names: LabelNames, cell: Any, confidence: Any, where: str) -> Answer:
    """A label, with a confidence if there is one."""
    cell = spelt_value(names, cell, where)
    if isinstance(cell, list | tuple | Mapping):
        return of_votes(names, cell, where)
    if len(parts := joined_parts(names, cell)) > 1 and all(map(names.knows, parts)):
        raise CorpusError(
            f"{where}: the answer {cell.strip()[:60]!r} joins {n_of(len(parts), 'label')}, and a text has one: several votes are a column "
            "votes; set corpus.multi_label if a text may have several labels"
        )
    place = names.place_of(cell, where)
    if place is None:
        return ABSTENTION
    if is_nothing(confidence) or (isinstance(confidence, str) and not confidence.strip()):
        return Answer(form="label", votes=np.bincount([place], minlength=len(names.labels)), named=(place,))
    given = number_of(confidence, f"{where}: the confidence")
    if not 0 <= given <= 1:
        raise CorpusError(f"{where}: a confidence must be from 0 to 1, but got {given:g}")
    n_labels = len(names.labels)
    return Answer(
        form="confidence",
        probabilities=of_confidence(place, given, n_labels),
        is_doubted=given * n_labels < 1,
        named=(place,),
    )


def of_votes(names: LabelNames, cell: Any, where: str) -> Answer:
    """A list of labels, or an object with the number of votes for each; votes that abstain are not counted."""
    cell = spelt_value(names, cell, where)
    if isinstance(cell, Mapping):
        votes: Iterable[tuple[Any, int]] = [
            (name, _votes_of(names, name, n, where)) for name, n in cell.items() if n is not None
        ]
    elif isinstance(cell, int | float | Decimal) and not is_nothing(cell):
        raise CorpusError(
            f"{where}: votes must be a list of labels or an object with a count for each, but got {cell}; if it is one label, call the column "
            "label, and if it is something else, such as a number of annotators, leave the column out"
        )
    else:
        parts = cell if isinstance(cell, list | tuple) else joined_parts(names, cell) or [cell]
        votes = [(one, 1) for one in parts]
    counts = np.zeros(len(names.labels), dtype=np.int64)
    for name, n in votes:
        if isinstance(name, list | tuple | Mapping):
            raise CorpusError(f"{where}: a vote must be a label, but got {str(name)[:60]}{about_scores(name)}")
        place = names.place_of(name, where)
        if place is not None:
            counts[place] += n
    return Answer(form="votes", votes=counts) if counts.any() else ABSTENTION


def _votes_of(names: LabelNames, name: Any, given: Any, where: str) -> int:
    if isinstance(given, str) and names.knows(given):
        raise CorpusError(
            f"{where}: the answer is an object with the label {given!r} at {str(name)[:60]!r}; write the label by itself"
        )
    return count_of(given, where)


def scores_of(names: LabelNames, cell: Any, is_log: bool, where: str) -> Answer:
    """An object with the log-probability or the probability of each label, or of some of them.

    The part of abstentions is taken out; if they are likelier than each label, it is an abstention.
    """
    cell = by_label(spelt_value(names, cell, where), where)
    kind = "logprobs" if is_log else "probabilities"
    if not isinstance(cell, Mapping):
        raise CorpusError(
            f"{where}: {kind} must be an object with a number for each label, as {{LABEL: number}}, but got {str(cell)[:60]}"
        )
    found: dict[int, float] = {}
    abstaining = 0.0
    for name, given in cell.items():
        if is_nothing(given):
            continue
        place, value = names.place_of(name, where), _score(given, is_log, where)
        if place is None:
            abstaining += value
        else:
            found[place] = found.get(place, 0.0) + value
    if not found or abstaining > max(found.values()):
        return ABSTENTION
    total = sum(found.values()) + abstaining
    is_whole = len(found) == len(names.labels)
    if total == 0 or (total > 1 + ROUNDING and (is_log or not is_whole or abstaining)):
        raise CorpusError(f"{where}: the {kind} of {', '.join(map(str, cell))} add up to {total:.3g} as probabilities")
    if abstaining:
        found = {place: value / max(1 - abstaining, sum(found.values())) for place, value in found.items()}
    return Answer(
        form="logprobs" if is_log else "probabilities",
        probabilities=of_scores(found, len(names.labels), is_top_k=is_log),
        is_rescaled=is_whole and abs(sum(found.values()) - 1) > ROUNDING,
    )


def _score(given: Any, is_log: bool, where: str) -> float:
    value = number_of(given, f"{where}: a score", may_be_infinite=is_log)
    if is_log and value > ROUNDING:
        raise CorpusError(f"{where}: a log-probability must be <= 0, but got {value:g}")
    if not is_log and value < 0:
        raise CorpusError(f"{where}: a probability must be >= 0, but got {value:g}")
    return math.exp(value) if is_log else value


def count_of(given: Any, where: str) -> int:
    """A number of votes; raises CorpusError for what is none."""
    value = number_of(given, f"{where}: a number of votes")
    if value < 0 or not value.is_integer():
        raise CorpusError(
            f"{where}: a number of votes must be whole and >= 0, but got {value:g}; if these are probabilities, call the column so"
        )
    return int(value)


def number_of(given: Any, what: str, may_be_infinite: bool = False) -> float:
    """A number of any spelling; raises CorpusError for another value, with `what` it is of."""
    try:
        if isinstance(given, bool):
            raise TypeError
        value = float(given)
    except (TypeError, ValueError) as error:
        raise CorpusError(f"{what} must be a number, but got {str(given)[:60]!r}") from error
    if math.isnan(value) or (math.isinf(value) and not (may_be_infinite and value < 0)):
        raise CorpusError(f"{what} must be a finite number, but got {value:g}")
    return value
