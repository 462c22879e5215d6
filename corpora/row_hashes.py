"""The hashes by which the rows of a file of logits or answers join the texts of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distune._plural import n_of
from distune.corpora.cells import is_nothing
from distune.corpora.table_file import Table
from distune.corpora.table_texts import texts_of_answers
from distune.corpora.texts import HASH_BYTES, CorpusError, text_hash


def hashes_of(table: Table) -> list[bytes]:
    """The hash of the text of each row: of its `text`, or its `text_hash` if it has no text.

    Raises CorpusError without either column, for what is no hash, and for a table with both whose hashes are those of some of its
    texts but not of all.
    """
    if "text" in table.columns:
        hashes = [text_hash(text) for text in texts_of_answers(table)]
        if "text_hash" in table.columns:
            _refuse_shifted(table, hashes)
        return hashes
    if "text_hash" not in table.columns:
        raise CorpusError(f"{table.name}: needs a column text or text_hash; its columns are {', '.join(table.columns)}")
    cells = table.column("text_hash")
    return [_hash(cell, table.name, row) for cell, row in zip(cells, table.rows.of(len(cells)), strict=True)]


def _refuse_shifted(table: Table, hashes: Sequence[bytes]) -> None:
    """Hashes of which none is that of its text are another program's, and say nothing; neither does an empty cell."""
    known = {form for one in hashes for form in (one, one.hex())}
    cells = [bytes(cell) if isinstance(cell, bytes) else _spelt(cell) for cell in table.column("text_hash")]
    if known.isdisjoint(cells):
        return
    for row, cell, own in zip(table.rows.of(len(cells)), cells, hashes, strict=True):
        if cell and cell not in (own, own.hex()):
            raise CorpusError(
                f"{table.name}: the text_hash of {row} is not that of its text, so the columns belong to different texts; leave out the column that is wrong"
            )


def _spelt(cell: Any) -> str:
    return "" if is_nothing(cell) else str(cell).strip().lower()


def _hash(cell: Any, name: str, row: str) -> bytes:
    try:
        found = bytes.fromhex(cell) if isinstance(cell, str) else bytes(iter(cell))  # A number would be so many zeros.
    except (ValueError, TypeError) as error:
        raise CorpusError(f"{name}: the text_hash of {row} is not hexadecimal: {str(cell)[:40]}") from error
    if len(found) != HASH_BYTES:
        raise CorpusError(f"{name}: the text_hash of {row} has {n_of(len(found), 'byte')}; it must have {HASH_BYTES}")
    return found
