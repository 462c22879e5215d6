"""Columns next to the one with the answers: the scores of its labels, the answers of a model, or those of more annotators."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from distune.corpora.answer_cells import LabelNames
from distune.corpora.cells import is_nothing
from distune.corpora.class_scores import named_as_classes
from distune.corpora.literals import container
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

SCORES = (
    *("score", "scores", "probability", "prob", "probs", "proba", "logit", "logits"),
    *("confidence", "confidences", "probabilities"),
)
"""Columns next to a label that pipelines write, in lower case."""
OF_A_MODEL = re.compile(
    r"(?:.*[_\-. ])?(?:y_?)?(?:pred|preds|predicted|prediction|predictions|yhat|y_hat)(?:[_\-. ]?(?:label|labels|class|classes))?"
    r"|(?:model|llm|gpt|teacher)[_\-. ]?(?:label|labels|answer|prediction|class)|(?:.*\.)?suggestion",
    re.IGNORECASE,
)
"""How columns are called that hold the answers of a model."""
MOST_SHOWN = 3
"""How many columns a line names."""


def no_answers(table: Table) -> CorpusError:
    """The error of a file without a column of answers; it says what to do with the replies of a language model."""
    are_replies = any(name.partition(".")[0] in ("custom_id", "recordId") for name in table.columns)
    how = "; `distune answers STUDY FILE` makes answers of the replies of a language model" if are_replies else ""
    return CorpusError(
        f"{table.name}: no answers: needs a column label (and confidence), votes, logprobs or probabilities; its columns are "
        f"{', '.join(table.columns)}{how}"
    )


def score_columns(table: Table, read: Collection[str] = ()) -> Iterator[str]:
    """The columns with scores of labels, apart from those that are `read`."""
    return (name for name in table.columns if name.lower() in SCORES and name not in read)


def about_neighbours(table: Table, column: str, names: LabelNames) -> list[str]:
    """The lines about what stands next to the answers in `column`; raises CorpusError if it may be the answers instead."""
    if column not in table.columns:
        return []
    refuse_lists_of_scores(table, column)
    refuse_scores_of_classes(table, column, names.labels)
    refuse_answers_of_a_model(table, column, names)
    return about_more_annotators(table, column, names)


def refuse_lists_of_scores(table: Table, column: str) -> None:
    """Raise CorpusError if the cells of `column` list labels, and another column a number for each of them.

    So the zero-shot pipeline of transformers and fastText write the likeliest labels of a text: as votes, all of them would be equally likely.
    """
    for name in score_columns(table):
        lengths = [
            (len(labels), len(numbers))
            for one, other in zip(table.column(column), table.column(name), strict=True)
            if (labels := _listed(one)) is not None and (numbers := _listed(other)) is not None
        ]
        if lengths and all(n == n_numbers for n, n_numbers in lengths) and any(n > 1 for n, _ in lengths):
            raise CorpusError(
                f"{table.name}: {column} and {name} are lists of one length in each row, as programs write labels with their scores: write "
                "them as one object, {LABEL: number}, in a column probabilities"
            )


def refuse_scores_of_classes(table: Table, column: str, labels: Sequence[str]) -> None:
    """Raise CorpusError if columns next to `column` are named as the labels and hold numbers that are not whole."""
    found = named_as_classes([name for name in table.columns if name != column], labels)
    if any(not math.isnan(number) and number % 1 for name in found for number in map(number_of, table.column(name))):
        wanted = ", ".join(f"probability_{label}" for label in labels)
        raise CorpusError(
            f"{table.name}: has columns {column} and {', '.join(found)}: call the numbers {wanted} if they are the teacher's, or leave them "
            f"out if {column} holds its answers"
        )


def refuse_answers_of_a_model(table: Table, column: str, names: LabelNames) -> None:
    """Raise CorpusError if a column is called as the answers of a model, holds labels, and differs from `column`.

    Then `column` may hold the right labels, by which a teacher would be always right.
    """
    cells = table.column(column)
    for name in table.columns:
        if name == column or not OF_A_MODEL.fullmatch(name) or not _holds_labels(table.column(name), names):
            continue
        if any(_spelt(one) != _spelt(other) for one, other in zip(cells, table.column(name), strict=True)):
            raise CorpusError(
                f"{table.name}: has columns {column} and {name}, and {column} may hold the right labels: leave it out and call {name} label if "
                f"the teacher's answers are in {name}, or leave {name} out"
            )


def about_more_annotators(table: Table, column: str, names: LabelNames) -> list[str]:
    """The line about columns that are called as `column` with a number, and hold labels too."""
    numbered = re.compile(re.escape(column.rstrip("s")) + r"s?[_\-. ]?[0-9]+", re.IGNORECASE)
    more = [name for name in table.columns if numbered.fullmatch(name) and _holds_labels(table.column(name), names)]
    if not more:
        return []
    shown = ", ".join(more[:MOST_SHOWN]) + (f" and {len(more) - MOST_SHOWN} more" if more[MOST_SHOWN:] else "")
    return [
        f"labels are also in {shown}, which {'is' if len(more) == 1 else 'are'} not read; the answers of several annotators to a text are a "
        "list in a column votes, or a row each"
    ]


def number_of(cell: Any) -> float:
    """The number of a cell, NaN for anything else."""
    try:
        return math.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _holds_labels(cells: Sequence[Any], names: LabelNames) -> bool:
    """Whether the cells hold labels of the corpus alone, also in lists."""
    found = {_spelt(one) for cell in cells for one in (_listed(cell) or [cell]) if not is_nothing(cell)} - {""}
    return bool(found) and all(names.knows(one) for one in found)


def _listed(cell: Any) -> Sequence[Any] | None:
    """The list of a cell, also one that its text spells."""
    found = container(cell) if isinstance(cell, str) else cell
    return found if isinstance(found, list | tuple) else None


def _spelt(cell: Any) -> str:
    if is_nothing(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
