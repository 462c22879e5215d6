"""The texts of a table, or its pairs of texts as one string each."""

from __future__ import annotations

from collections.abc import Sequence

from distune._pairs import MARK, joined
from distune.corpora.cells import texts_of
from distune.corpora.row_names import RowNames
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError, has_content


def texts_in(table: Table, text: str = "text", text_b: str | None = None) -> list[str]:
    """The text of each row in its normal form, or an empty text; with a column `text_b`, the pair of both.

    A pair that lacks a side is an empty text. Raises CorpusError for a missing column, and for a cell that is no text.
    """
    first = _whole(table.column(text), table.rows)
    if text_b is None:
        return first
    second = _whole(table.column(text_b), table.rows)
    return [joined(*pair) if all(map(has_content, pair)) else "" for pair in zip(first, second, strict=True)]


def texts_of_answers(table: Table) -> list[str]:
    """The texts of a file of logits or of answers: its column `text`, with `text_b` if it has one."""
    return texts_in(table, "text", "text_b" if "text_b" in table.columns else None)


def _whole(cells: Sequence[object], rows: RowNames) -> list[str]:
    texts = texts_of(cells, rows)
    for text, row in zip(texts, rows.of(len(texts)), strict=True):
        if MARK in text:
            raise CorpusError(
                f"{rows.file}: the text of {row} holds U+FDD0, which Unicode keeps for use within a program: remove it"
            )
    return texts
