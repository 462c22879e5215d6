"""One block of a file answered: read, asked and rendered, all by values, so that any process can do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distune.corpora.blocks import Block, Rows
from distune.corpora.delimited import Manner
from distune.corpora.texts import CorpusError
from distune.models.predictor import Predictor
from distune.tuning.serve.answer_columns import AnswerSettings, Kind, answer_columns
from distune.tuning.serve.rendering import DELIMITERS, as_csv, as_json_lines


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The output that every block becomes a part of."""

    settings: AnswerSettings
    kinds: Mapping[str, Kind]
    """The columns of answers in order."""
    ending: str
    """That of the output, which gives its format."""
    names: Sequence[str] | None
    """The columns that are carried on, in order; None for JSON lines that become JSON lines."""
    schema: Any = None
    """The schema of an output in Parquet."""


@dataclass(frozen=True, kw_only=True)
class AnsweredBlock:
    """The rows of a block with their answers, as bytes or as a batch of Arrow."""

    rendered: Any
    manner: Manner | None
    notes: Sequence[str]
    n_rows: int
    n_missing: int
    n_unknown: int


def answer_block(predictor: Predictor, plan: Plan, block: Block) -> AnsweredBlock:
    """Answer a block. Raises CorpusError for what cannot be read rightly, or not be written in the format."""
    rows = block.read()
    refuse_clash(list(rows.table.columns), plan.kinds, rows.table.name)
    answered = answer_columns(predictor, rows, plan.settings)
    rendered: Any
    if plan.ending == ".parquet":
        from distune.tuning.serve.arrow_answers import as_batch

        rendered = as_batch(rows, plan.schema, answered.columns, plan.kinds)
    elif plan.ending in DELIMITERS:
        rendered = as_csv(_with_words(rows, plan.settings), plan.names or (), answered.columns, DELIMITERS[plan.ending])
    else:
        rendered = as_json_lines(_with_words(rows, plan.settings), plan.names or (), answered.columns)
    return AnsweredBlock(
        rendered=rendered,
        manner=rows.manner,
        notes=rows.notes,
        n_rows=rows.table.n_rows,
        n_missing=answered.n_missing,
        n_unknown=answered.n_unknown,
    )


def _with_words(rows: Rows, settings: AnswerSettings) -> Rows:
    """The rows with texts that Parquet holds as bytes in the words that were read; other bytes have no words."""
    columns = rows.table.columns
    names = [name for name in (settings.text, settings.text_b) if name is not None and name in columns]
    words = {
        name: [cell.decode() if isinstance(cell, bytes) else cell for cell in columns[name]]
        for name in names
        if rows.batch is not None and any(isinstance(cell, bytes) for cell in columns[name])
    }
    return replace(rows, table=replace(rows.table, columns={**columns, **words})) if words else rows


def refuse_clash(names: Sequence[str], kinds: Mapping[str, Kind], file: str) -> None:
    """Raise CorpusError for a file that has a column of the name of one of the answers."""
    clash = next((name for name in kinds if name in names), None)
    if clash is not None:
        raise CorpusError(
            f"{file}: has a column {clash!r} already, as the answers have; give theirs another beginning, such as by --prefix predicted_"
        )
