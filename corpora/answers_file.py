"""A file of answers to texts, such as those of a language model, as a teacher's logits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distune._plural import n_of
from distune.corpora.annotators import unfinished_rows
from distune.corpora.answer_cells import LabelNames, named, refuse_ambiguous
from distune.corpora.answer_kinds import ONE_LABEL_ANSWERS, SET_ANSWERS, AnswerKind, answers_of
from distune.corpora.answer_neighbours import about_neighbours, no_answers, score_columns
from distune.corpora.answer_notes import notes_of_forms, shown_forms
from distune.corpora.answer_rows import numbers_of_rows, refuse_scores_in_rows
from distune.corpora.answer_rule import AnswerRule
from distune.corpora.cells import is_nothing
from distune.corpora.columns import ColumnOrder
from distune.corpora.logits_file import LogitsFile
from distune.corpora.prodigy import COLUMN, is_prodigys, rejected_rows
from distune.corpora.row_hashes import hashes_of
from distune.corpora.sources import read_source
from distune.corpora.table_config import config_of
from distune.corpora.table_file import Table
from distune.corpora.table_texts import texts_of_answers
from distune.corpora.texts import CorpusError, has_content

N_VOTES = "n_votes"
"""The number of votes in what is known of such a teacher."""
TEXTS = ("text", "text_hash", "text_b")
PREFIXES = {"logprobs": "logprob_", "probabilities": "probability_", "votes": "votes_"}
"""How columns begin that have one label each."""


class NoAnswersError(CorpusError):
    """A file of answers of which each is an abstention."""


@dataclass(frozen=True, kw_only=True)
class AnswersFile:
    """The logits of the texts that have an answer, and the hashes of those on which the teacher abstains."""

    file: LogitsFile
    abstained: frozenset[bytes]
    n_votes: int


def read_answers_file(
    path: str | tuple[str, ...], labels: Sequence[str], rule: AnswerRule, is_multi_label: bool = False
) -> AnswersFile:
    """Read a file, or several, of one or more rows for each text: a column `text` or `text_hash`, and the answers.

    `label` has one label, `votes` a list of labels or an object with a count for each, `logprobs` and `probabilities`
    objects with a number for each label or some of them; `confidence` belongs to `label`. If a text may have several
    labels, `label` (or `labels`) has the list of one vote, `votes` a list of lists, or counts together with `n_votes`, and
    `probabilities` a number for each label by itself. Raises CorpusError for anything else, and for a name that is no label.
    """
    kind = answers_of(is_multi_label)
    table = _table(path)
    refuse_ambiguous(labels, rule.abstentions)
    names = LabelNames(labels=labels, rule=rule)
    cells, notes = _cells(table, kind, names)
    hashes = hashes_of(table)
    has_text = _has_text(table)
    if not all(has_text):
        notes.append(f"{n_of(has_text.count(False), 'row')} without a text left out")
    unfinished = _unfinished(table, kind, notes)
    by_text: dict[bytes, list[Any]] = {}
    numbers, given = numbers_of_rows(table), defaultdict(list)
    for row in np.flatnonzero(has_text):
        where = f"{table.name}: {table.rows[int(row)]}"
        answers = by_text.setdefault(hashes[row], [])
        if not unfinished[row]:
            answers.append(_answer(kind, names, cells, int(row), where))
            given[hashes[row]].append(numbers[row])
    answered = {one: kept for one, answers in sorted(by_text.items()) if (kept := _with_an_answer(answers))}
    if not answered:
        raise NoAnswersError(f"{table.name}: has no answer: all of {n_of(len(by_text), 'text')} are abstentions")
    refuse_scores_in_rows(answered, given, len(labels), table)
    probabilities = np.stack([kind.together(answers, len(labels), rule) for answers in answered.values()])
    n_votes = sum(one.n_votes for answers in answered.values() for one in answers)
    every = list(answered.values())
    told = notes_of_forms(every, len(by_text) - len(answered), kind.words) + kind.notes(every, probabilities, names)
    description = f"a file of answers to {n_of(len(answered), 'text')}: {shown_forms(every, kind.words)}"
    file = LogitsFile(
        path=table.name,
        rows={one: row for row, one in enumerate(answered)},
        logits=kind.logits(probabilities),
        hidden=None,
        about={"description": description, N_VOTES: n_votes},
        columns=ColumnOrder(order=tuple(range(len(labels))), assumed="", by_name=True),
        notes=(*told, *notes, *table.notes),
    )
    return AnswersFile(file=file, abstained=frozenset(by_text.keys() - answered.keys()), n_votes=n_votes)


def _table(path: str | tuple[str, ...]) -> Table:
    """The rows of the file, or of all files; its notes are those about several files."""
    answers = [name for kind in (ONE_LABEL_ANSWERS, SET_ANSWERS) for names in kind.columns.values() for name in names]
    table = read_source(config_of(path), together=TEXTS, some=answers)
    of_files = table.notes if table.rows.parts else table.notes[1:]
    return table.with_notes(*(note.strip().removeprefix(f"{table.name}: ") for note in of_files))


def _has_text(table: Table) -> list[bool]:
    if "text" not in table.columns:
        return [True] * table.n_rows
    return [has_content(text) for text in texts_of_answers(table)]


def _unfinished(table: Table, kind: AnswerKind, notes: list[str]) -> list[bool]:
    """Whether the annotator of each row has not answered, by a status next to the answer; `notes` gets how many."""
    column = next((name for names in kind.columns.values() for name in names if name in table.columns), "label")
    found = unfinished_rows(table, column)
    if column != COLUMN and any(rejected := rejected_rows(table)):
        found["not accepted by an annotator (`answer`, as Prodigy writes it)"] = rejected
    notes += [
        f"{n_of(sum(rows), 'row that was', 'rows that were')} {what} left out, as an abstention is"
        for what, rows in found.items()
    ]
    return [any(rows) for rows in zip(*found.values(), strict=True)] or [False] * table.n_rows


def _cells(table: Table, kind: AnswerKind, names: LabelNames) -> tuple[dict[str, list[Any]], list[str]]:
    """The cells of each form that is read, that which says most first, and a note about the others.

    A column next to one that says more is something else, such as the majority of the votes or the right label.
    """
    found: dict[str, list[Any]] = {}
    spelt: dict[str, str] = {}
    for form, spellings in kind.columns.items():
        there = [name for name in spellings if name in table.columns and not _is_status(table, name, names)]
        prefixed = [name for name in table.columns if name.startswith(PREFIXES.get(form, "\0"))]
        if len(there) + bool(prefixed) > 1:
            raise CorpusError(f"{table.name}: has columns {', '.join([*there, *prefixed])}; keep one of them")
        if there:
            found[form], spelt[form] = table.column(there[0]), there[0]
        elif prefixed:
            found[form], spelt[form] = _of_columns(table, prefixed, PREFIXES[form]), f"{PREFIXES[form]}..."
    if not found and (cells := _of_label_columns(table, kind, names.labels)):
        found["label"], spelt["label"] = cells, "label"
    if not found:
        raise no_answers(table)
    for form in ("votes", "label"):
        if form in found and (class_names := table.class_names_of(spelt[form])):
            found[form] = [named(cell, class_names) for cell in found[form]]
    forms = list(found)
    notes = _without_others(table, found, spelt)
    notes += [
        line for form in ("votes", "label") if form in found for line in about_neighbours(table, spelt[form], names)
    ]
    if "confidence" in table.columns:
        if "label" in found:
            found["confidence"] = table.column("confidence")
        elif "label" not in forms:
            raise CorpusError(f"{table.name}: has a column confidence, and no column label that it belongs to")
    if "n_votes" in table.columns:
        found["n_votes"] = table.column("n_votes")
    return found, notes


def _is_status(table: Table, name: str, names: LabelNames) -> bool:
    """Whether a column says of the answer next to it whether it holds, as Prodigy's `answer` does."""
    return is_prodigys(table, name) and not any(names.knows(str(cell)) for cell in table.column(name))


def _without_others(table: Table, found: dict[str, list[Any]], spelt: Mapping[str, str]) -> list[str]:
    """Take out the forms next to one that says more, and return the notes about what is not read."""
    notes = []
    forms = list(found)
    for place, form in enumerate(forms):
        more = [one for one in forms[:place] if one in found and _stand_together(found[one], found[form])]
        if more:
            _refuse_doubtful(table, found, more[0], form, spelt)
            notes.append(f"it has {spelt[more[0]]} and {spelt[form]} in the same row; {spelt[form]} is not read")
            del found[form]
    scores = next(score_columns(table, read=("confidence", "probabilities")), "")
    if "label" in found and scores:
        notes.append(
            f"its column {scores} is not read; if it is the confidence of the label, call it confidence, from 0 to 1"
        )
    return notes


def _refuse_doubtful(
    table: Table, found: Mapping[str, Sequence[Any]], more: str, form: str, spelt: Mapping[str, str]
) -> None:
    """Raise CorpusError if a column is next to one that says more in some rows, and alone in others.

    As the right label it is no answer, and as an answer it must not be left out.
    """
    alone = [not _is_there(one) and _is_there(other) for one, other in zip(found[more], found[form], strict=True)]
    if any(alone):
        raise CorpusError(
            f"{table.name}: some rows have {spelt[more]} and {spelt[form]}, and {table.rows[alone.index(True)]} has {spelt[form]} alone: leave "
            f"{spelt[form]} out of the rows with {spelt[more]} if it is an answer; leave the column out if it is the right label"
        )


def _of_columns(table: Table, names: Sequence[str], prefix: str) -> list[Any]:
    """The cells of a column for each label as objects by label."""
    columns = {name.removeprefix(prefix): table.column(name) for name in names}
    rows = [
        {label: None if cells[row] == "" else cells[row] for label, cells in columns.items()}
        for row in range(table.n_rows)
    ]
    return [None if all(is_nothing(cell) for cell in row.values()) else row for row in rows]


def _of_label_columns(table: Table, kind: AnswerKind, labels: Sequence[str]) -> list[Any]:
    """One vote a row from columns of 0 and 1, each named as its label; empty without such columns.

    Raises CorpusError if only some of the labels have one, and where a text has one label.
    """
    there = [name for name in labels if name in table.columns and name not in TEXTS]
    if not there:
        return []
    if kind is ONE_LABEL_ANSWERS:
        raise CorpusError(
            f"{table.name}: no answers: its columns {', '.join(there)} are named as labels; call them votes_LABEL if they are counts of "
            "votes (1 at the one answer), and probability_LABEL if they are probabilities"
        )
    if lacking := [label for label in labels if label not in there]:
        raise CorpusError(
            f"{table.name}: has columns of the labels {', '.join(there)}, and none of {', '.join(lacking)}: give each label a column of 0 "
            "and 1"
        )
    return _of_columns(table, there, "")


def _stand_together(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return any(_is_there(one) and _is_there(other) for one, other in zip(first, second, strict=True))


def _is_there(cell: Any) -> bool:
    return not is_nothing(cell) and cell != ""


def _answer(kind: AnswerKind, names: LabelNames, cells: Mapping[str, Sequence[Any]], row: int, where: str) -> Any:
    """The answer of a row, by the form that says most."""
    form = next((form for form in kind.columns if form in cells and _is_there(cells[form][row])), "label")
    return kind.answer(names, form, {name: column[row] for name, column in cells.items()}, where)


def _with_an_answer(answers: Sequence[Any]) -> list[Any]:
    return [one for one in answers if one.form != "abstention"]
