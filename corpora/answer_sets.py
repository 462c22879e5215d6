"""One answer to a text that may have several labels as a file spells it: a set of labels, votes, probabilities, or a set with a
confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.answer_cells import Form, LabelNames, count_of, number_of
from distune.corpora.answer_rule import Probabilities, of_set_confidence
from distune.corpora.answer_spelling import about_scores, by_label, joined_parts, spelt_value
from distune.corpora.cells import is_nothing
from distune.corpora.label_truths import ODD, SIMPLE, truth_of
from distune.corpora.markers import WORDS_FOR_NONE
from distune.corpora.texts import CorpusError, normalise

Set = NDArray[np.bool_]
"""Whether a vote has each label, `[labels]`."""
NO_LABEL = WORDS_FOR_NONE
"""Words for no label at all, unless the study has a label or an abstention of this name."""
DOUBTFUL = frozenset({"None", "NONE"})
EVEN = 0.5


@dataclass(frozen=True, kw_only=True)
class SetAnswer:
    """The answer of one row: of `n_votes` how many have each label `[labels]`, or the probability of each `[labels]`.

    It has neither if it is an abstention. `is_doubted` says that its confidence is below a half.
    """

    form: Form
    votes: NDArray[np.int64] | None = None
    n_votes: int = 0
    probabilities: Probabilities | None = None
    is_doubted: bool = False
    named: tuple[int, ...] = ()
    """The places of the labels of its one vote, which have its confidence."""
    is_rescaled: bool = False
    """Never: probabilities of independent labels add up to anything."""

    @property
    def likeliest(self) -> tuple[bool, ...]:
        """Whether it gives each label; empty for an abstention."""
        if self.votes is not None:
            return tuple((2 * self.votes >= self.n_votes).tolist())
        return () if self.probabilities is None else tuple((self.probabilities >= EVEN).tolist())


ABSTENTION = SetAnswer(form="abstention")


def of_set(names: LabelNames, cell: Any, confidence: Any, where: str) -> SetAnswer:
    """One vote of any number of labels, with a confidence if there is one; a list of lists is several votes."""
    cell = spelt_value(names, cell, where)
    if isinstance(cell, list | tuple) and any(isinstance(one, list | tuple) for one in cell):
        return of_votes(names, cell, None, where)
    has = set_of(names, cell, where)
    if has is None:
        return ABSTENTION
    if is_nothing(confidence) or (isinstance(confidence, str) and not confidence.strip()):
        return SetAnswer(form="label", votes=has.astype(np.int64), n_votes=1, named=tuple(np.flatnonzero(has).tolist()))
    if isinstance(confidence, list | tuple | Mapping):
        raise CorpusError(
            f"{where}: a confidence must be one number for the whole answer, but got {str(confidence)[:60]}; numbers for each label are "
            "a column probabilities, as {LABEL: number}"
        )
    given = number_of(confidence, f"{where}: the confidence")
    if not 0 <= given <= 1:
        raise CorpusError(f"{where}: a confidence must be from 0 to 1, but got {given:g}")
    return SetAnswer(
        form="confidence",
        probabilities=of_set_confidence(has, given),
        is_doubted=given < EVEN,
        named=tuple(np.flatnonzero(has).tolist()),
    )


def of_votes(names: LabelNames, cell: Any, n_votes: Any, where: str) -> SetAnswer:
    """Votes as a list of lists, or as an object with a count for each label, which needs the number of votes.

    Votes that abstain are not counted. Raises CorpusError for a flat list, which may be several votes of one label each, or
    one vote of several labels.
    """
    cell = spelt_value(names, cell, where)
    n_given = None if is_nothing(n_votes) or n_votes == "" else count_of(n_votes, where)
    if isinstance(cell, Mapping):
        return _counted(names, cell, n_given, where)
    votes = [spelt_value(names, one, where) for one in cell] if isinstance(cell, list | tuple) else [cell]
    if any(not isinstance(one, list | tuple | Mapping) and not is_nothing(one) for one in votes):
        raise CorpusError(
            f"{where}: {str(cell)[:60]} may be several votes of one label each, or one vote of several labels; write votes as a list of "
            "lists, one for each vote. The labels of one vote belong into a column label"
        )
    if n_given is not None and n_given != len(votes):
        raise CorpusError(f"{where}: has {n_of(len(votes), 'vote')}, but n_votes says {n_given}")
    sets = [has for one in votes if (has := set_of(names, one, where)) is not None]
    if not sets:
        return ABSTENTION
    return SetAnswer(form="votes", votes=np.sum(sets, axis=0, dtype=np.int64), n_votes=len(sets))


def probabilities_of(names: LabelNames, cell: Any, where: str) -> SetAnswer:
    """An object with the probability of each label by itself. If that of an abstention is a half or more, it is one."""
    cell = by_label(spelt_value(names, cell, where), where)
    if not isinstance(cell, Mapping):
        raise CorpusError(
            f"{where}: probabilities must be an object with a number for each label, as {{LABEL: number}}, but got {str(cell)[:60]}"
        )
    found: dict[int, float] = {}
    is_abstention = False
    for name, given in cell.items():
        place = names.place_of(name, where)
        if is_nothing(given):
            continue
        value = number_of(given, f"{where}: the probability of {name}")
        if not 0 <= value <= 1:
            raise CorpusError(f"{where}: the probability of {name} must be from 0 to 1, but got {value:g}")
        if place is None:
            is_abstention |= value >= EVEN
        elif place in found:
            raise CorpusError(f"{where}: has two probabilities of {names.labels[place]!r}")
        else:
            found[place] = value
    if is_abstention or not found:
        return ABSTENTION
    lacking = [label for place, label in enumerate(names.labels) if place not in found]
    if lacking:
        raise CorpusError(
            f"{where}: has no probability of {', '.join(lacking[:5])}{', ...' if lacking[5:] else ''}; where a text has several labels, each "
            "needs its own, as they are independent"
        )
    return SetAnswer(form="probabilities", probabilities=np.array([found[i] for i in range(len(found))]))


def _counted(names: LabelNames, cell: Mapping[Any, Any], n_votes: int | None, where: str) -> SetAnswer:
    """Counts of labels among a number of votes."""
    given = {name: count_of(n, where) for name, n in cell.items() if not is_nothing(n)}
    if n_votes is None:
        raise CorpusError(
            f"{where}: counts of labels need the number of votes, of which each may have several labels or none: add a column n_votes, or "
            "write votes as a list of lists"
        )
    counts = np.zeros(len(names.labels), dtype=np.int64)
    for name, n in given.items():
        place = names.place_of(name, where)
        if place is None:
            n_votes -= n
        else:
            counts[place] += n
    if n_votes < 0 or counts.max() > n_votes:
        raise CorpusError(f"{where}: {str(dict(cell))[:60]} has more than n_votes={max(n_votes, 0)} votes of one label")
    return SetAnswer(form="votes", votes=counts, n_votes=n_votes) if n_votes else ABSTENTION


def set_of(names: LabelNames, cell: Any, where: str) -> Set | None:
    """The labels of one vote, None if it abstains.

    It is a list of labels, an object with 1 or 0 for labels, an object that holds such a list, or a text. In a text, the signs of a
    corpus join labels, such as commas, bars and line breaks. An empty list has no label, and so has `none`.
    """
    cell = spelt_value(names, cell, where)
    if is_nothing(cell):
        return None
    if isinstance(cell, Mapping):
        if (held := _held(names, cell)) is None:
            return _of_truths(names, cell, where)
        cell = held
    listed = isinstance(cell, list | tuple)
    parts: Sequence[Any] = cell if listed else joined_parts(names, cell, NO_LABEL) or [cell]
    return _of_names(names, parts, where, is_list=listed)


def _held(names: LabelNames, cell: Mapping[Any, Any]) -> Any:
    """The list that an object holds under a name that is no label, as replies in a JSON schema have it."""
    lists = [one for name, one in cell.items() if isinstance(one, list | tuple) and not names.knows(str(name))]
    return lists[0] if len(lists) == 1 else None


def _of_truths(names: LabelNames, cell: Mapping[Any, Any], where: str) -> Set:
    has = np.zeros(len(names.labels), dtype=bool)
    if not cell:
        raise CorpusError(f"{where}: the answer {{}} says nothing of any label; write [] for no label")
    for name, given in cell.items():
        place = _place(names, name, where)
        said = truth_of(given) if isinstance(given, SIMPLE) else ODD
        if not isinstance(said, bool):
            raise CorpusError(
                f"{where}: an answer must have 1 or 0 for each label, but got {given!r} for {name}; counts of votes are a column votes or "
                "votes_LABEL, and probabilities a column probabilities or probability_LABEL"
            )
        if place is not None:
            has[place] = said
        elif said:
            raise CorpusError(
                f"{where}: {name!r} in {str(dict(cell))[:60]} is an abstention, which is no part of an answer"
            )
    return has


def _of_names(names: LabelNames, parts: Sequence[Any], where: str, is_list: bool) -> Set | None:
    has = np.zeros(len(names.labels), dtype=bool)
    n_none = n_abstaining = 0
    for one in parts:
        if isinstance(one, list | tuple | Mapping):
            raise CorpusError(
                f"{where}: the labels of a vote must be names, but got {str(one)[:60]}{about_scores(one)}"
            )
        if isinstance(one, str) and not names.knows(one) and normalise(one).casefold() in NO_LABEL:
            _refuse_doubtful(normalise(one), where)
            n_none += 1
            continue
        place = _place(names, one, where)
        if place is None:
            n_abstaining += 1
        elif has[place]:
            raise CorpusError(
                f"{where}: {str(parts)[:60]} names {names.labels[place]!r} twice, which one vote cannot; several votes are a list of lists"
            )
        else:
            has[place] = True
    if (n_none or n_abstaining) and (has.any() or n_none * n_abstaining):
        raise CorpusError(
            f"{where}: {str(parts)[:60]} names labels next to what means that there is none, or no answer"
        )
    return None if n_abstaining else has


def _place(names: LabelNames, one: Any, where: str) -> int | None:
    try:
        return names.place_of(one, where)
    except CorpusError as error:
        raise CorpusError(f"{error}; no label at all is an empty list, []") from error


def _refuse_doubtful(name: str, where: str) -> None:
    if name in DOUBTFUL:
        raise CorpusError(
            f"{where}: the answer {name!r} may say that the text has no label, or that there is no answer: write [] for no label, and leave "
            "the cell empty for no answer"
        )
