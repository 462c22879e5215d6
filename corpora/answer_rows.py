"""Several rows of one text: the answers of several annotators, or the scores of its labels, a row for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from distune.corpora.answer_cells import ROUNDING, Answer
from distune.corpora.answer_neighbours import number_of, score_columns
from distune.corpora.answer_sets import SetAnswer
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

FEWEST_APART = 20
"""This many texts whose rows name one label each, and never the same, are no coincidence."""
Answers = Sequence[Answer] | Sequence[SetAnswer]


def number_column(table: Table) -> str:
    """The column with a number for the label of each row; "" without one."""
    return "confidence" if "confidence" in table.columns else next(score_columns(table, read=("probabilities",)), "")


def numbers_of_rows(table: Table) -> list[float]:
    """The number next to the label of each row, NaN without one."""
    column = number_column(table)
    return [number_of(cell) for cell in table.column(column)] if column else [math.nan] * table.n_rows


def refuse_scores_in_rows(
    answered: Mapping[bytes, Answers], numbers: Mapping[bytes, Sequence[float]], n_labels: int, table: Table
) -> None:
    """Raise CorpusError if the rows of a text are the scores of its labels, a row for each, and not several answers.

    No row of a text names a label that another one names then. A few texts may have such answers by chance. `numbers` are those next to
    the labels of a text. If a text has one label, the scores of its labels add up to 1 at most. If the numbers of every such text add up
    to more, they are the confidences of annotators who disagree.
    """
    scores = next(score_columns(table, read=("confidence", "probabilities")), "")
    forms = ("confidence", "label") if scores else ("confidence",)
    several = {
        text: answers
        for text, answers in answered.items()
        if len(answers) > 1 and all(one.form in forms for one in answers)
    }
    apart = [text for text, answers in several.items() if _name_one_label_each(answers)]
    n_whole = sum(len(several[text]) == n_labels for text in apart)
    if not apart or len(apart) < len(several) or (len(apart) < FEWEST_APART and n_whole < len(answered)):
        return
    has_one_label = isinstance(several[apart[0]][0], Answer)
    if has_one_label and all(_are_of_annotators(numbers[text]) for text in apart):
        return
    texts = "1 text has" if len(apart) == 1 else f"{len(apart):,} texts have"
    raise CorpusError(
        f"{table.name}: each row has one label with a {scores or 'confidence'}, and {texts} several such rows of different labels: write the "
        "numbers of a text into one row, as a column probabilities with {LABEL: number}; if these are the answers of several annotators, write "
        "them into one row too, as a list in a column votes"
    )


def _name_one_label_each(answers: Answers) -> bool:
    return all(len(one.named) == 1 for one in answers) and len({one.named for one in answers}) == len(answers)


def _are_of_annotators(numbers: Sequence[float]) -> bool:
    return all(0 <= one <= 1 for one in numbers) and math.fsum(numbers) > 1 + ROUNDING
