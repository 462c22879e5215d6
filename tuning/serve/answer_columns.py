"""The answers to the rows of a table, as columns that follow those of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from distune._pairs import sides
from distune.corpora.blocks import Rows
from distune.corpora.cells import is_nothing
from distune.corpora.table_texts import texts_in
from distune.models.answers import Answered, Text, six_decimals
from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor

Kind = Literal["label", "labels", "probability", "flag"]
KNOWN = "has_known_token"


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """Which columns hold the texts, and which answers are wanted."""

    text: str = "text"
    text_b: str | None = None
    proba: bool = False
    top: int = 0
    prefix: str = ""
    abstain_below: float | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerColumns:
    """Columns of answers in order, each a list of Python's values; None for a row without a text."""

    columns: dict[str, list[Any]]
    n_missing: int
    n_unknown: int


def kinds_of_columns(labels: Sequence[str], is_multi_label: bool, settings: AnswerSettings) -> dict[str, Kind]:
    """The names of the columns of answers in order, and what each holds.

    Raises CheckpointError for more likeliest labels than there are.
    """
    if not 0 <= settings.top <= len(labels):
        raise CheckpointError(f"--top must be from 1 to the number of labels, {len(labels)}, but got {settings.top}")
    columns: list[tuple[str, Kind]] = [("labels", "labels") if is_multi_label else ("label", "label")]
    for place in range(1, settings.top + 1):
        columns += [(f"top_{place}", "label"), (f"top_{place}_probability", "probability")]
    if settings.proba:
        columns += [(f"probability_{label}", "probability") for label in labels]
    columns.append((KNOWN, "flag"))
    if settings.abstain_below is not None:
        columns.append(("abstained", "flag"))
    return {f"{settings.prefix}{name}": kind for name, kind in columns}


def answer_columns(predictor: Predictor, rows: Rows, settings: AnswerSettings) -> AnswerColumns:
    """Answer the texts of a block's rows. A row without a text, or with half of a pair, has no answer.

    Raises CorpusError for a cell that is no text.
    """
    asked, has_text = asked_texts(rows, settings.text, settings.text_b)
    answered = predictor.answered(asked)
    columns = _columns(predictor, answered, settings)
    if len(asked) < len(has_text):
        columns = {name: _spread(cells, has_text) for name, cells in columns.items()}
    n_unknown = int(np.count_nonzero(~answered.has_known_token))
    return AnswerColumns(columns=columns, n_missing=len(has_text) - len(asked), n_unknown=n_unknown)


def asked_texts(rows: Rows, text: str, text_b: str | None) -> tuple[list[Text], list[bool]]:
    """The texts of a block's rows, or its pairs of texts, and whether each row has one.

    Raises CorpusError for a cell that is no text.
    """
    # That the input has the columns is checked before: a block without them has rows without a text.
    rows = rows.with_columns([name for name in (text, text_b) if name is not None])
    texts = texts_in(rows.table, text, text_b)
    has_text = _have_text(texts, rows, text, text_b)
    asked = [one for one, has in zip(texts, has_text, strict=True) if has]
    return [sides(one) for one in asked] if text_b else list(asked), has_text


def _have_text(texts: Sequence[str], rows: Rows, text: str, text_b: str | None) -> list[bool]:
    if all(texts):
        return [True] * len(texts)
    if text_b is not None:
        return list(map(bool, texts))
    cells = rows.table.column(text)
    return [
        bool(one) or not (is_nothing(cell) or (rows.blank_is_missing and cell == ""))
        for one, cell in zip(texts, cells, strict=True)
    ]


def _columns(predictor: Predictor, answered: Answered, settings: AnswerSettings) -> dict[str, list[Any]]:
    labels, probabilities = predictor.labels, six_decimals(answered.probabilities)
    found: list[list[Any]] = []
    if predictor.is_multi_label:
        found.append(predictor.named(answered.answers))
    else:
        found.append([labels[i] for i in answered.answers.tolist()])
    if settings.top:
        order = np.argsort(-answered.probabilities, axis=1, kind="stable")[:, : settings.top]
        ordered = np.take_along_axis(probabilities, order, axis=1)
        for place in range(settings.top):
            found += [[labels[i] for i in order[:, place].tolist()], ordered[:, place].tolist()]
    if settings.proba:
        found += probabilities.T.tolist()
    found.append(answered.has_known_token.tolist())
    if settings.abstain_below is not None:
        found.append(answered.abstained(settings.abstain_below).tolist())
    return dict(zip(kinds_of_columns(labels, predictor.is_multi_label, settings), found, strict=True))


def _spread(cells: Sequence[Any], has_text: Sequence[bool]) -> list[Any]:
    """The cells at the rows that have a text, None at the others."""
    following = iter(cells)
    return [next(following) if has else None for has in has_text]
