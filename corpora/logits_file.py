"""Teacher logits in one file: those of any model anywhere come in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.columns import ColumnOrder
from distune.corpora.label_logits import (
    FLOOR_OF_LABEL,
    refuse_export_of_other_task,
)
from distune.corpora.logits_columns import FLOOR, Wanted, logits_in
from distune.corpora.logits_table import about_of, read_logits_table
from distune.corpora.matrices import of_lists
from distune.corpora.narrowing import hidden_in_half
from distune.corpora.row_hashes import hashes_of
from distune.corpora.shards import TeacherAnswers
from distune.corpora.table_file import Table
from distune.corpora.table_texts import texts_of_answers
from distune.corpora.teacher_logits import Logits, missing_message
from distune.corpora.texts import CorpusError, has_content, text_hash

ROUNDED_SUM = 0.011
"""How far from 1 probabilities add up that were rounded to two digits."""
FEWEST_ALIKE = 0.1
"""The share of rows that is no chance."""
LARGEST_SPREAD = 1e-3
"""How far apart the logits of one text in two rows may be."""
FEWEST_ANSWERS = 20
"""This many rows of a 1 among zeros are no logits by hand."""


@dataclass(frozen=True, kw_only=True)
class LogitsFile:
    """A file's logits by text hash; `about` is what the file says of its teacher, empty for a foreign file.

    `columns` says how the columns of the file became the classes of the corpus, `notes` are other lines about the file.
    """

    path: str
    rows: dict[bytes, int]
    logits: Logits
    hidden: NDArray[np.float16] | None
    about: dict[str, Any]
    columns: ColumnOrder
    notes: tuple[str, ...] = ()
    is_multi_label: bool = False
    """Whether each logit is of its label alone."""
    is_of_softmax: bool = False
    """Whether its probabilities add up to 1 in every row, although each should be of its label alone."""

    def of(self, texts: Sequence[str]) -> TeacherAnswers:
        """The logits that the file has for texts, joined by hash; raises CorpusError naming the texts that it lacks."""
        found = [self.rows.get(text_hash(text)) for text in texts]
        if None in found:
            raise CorpusError(missing_message(self.path, texts, [place is not None for place in found]))
        places = [place for place in found if place is not None]
        return TeacherAnswers(self.logits[places], None if self.hidden is None else self.hidden[places])

    def holds(self, texts: Sequence[str]) -> bool:
        """Whether it knows every one of the texts."""
        return all(text_hash(text) in self.rows for text in texts)

    @property
    def n_floored(self) -> int:
        """In how many rows a class has the probability 0, or one below 1e-7; of several labels, also 1 and above 1 - 1e-7."""
        floored = np.abs(self.logits) == -FLOOR_OF_LABEL if self.is_multi_label else self.logits == FLOOR
        return int(floored.any(axis=1).sum())

    @property
    def n_like_probabilities(self) -> int:
        """How many rows of logits are >= 0 and add up to 1, as rounded probabilities do and those of no model; 0 if so
        few rows may be so by chance, or are by hand.

        Probabilities of several labels do not add up: all rows count if all numbers lie between 0 and 1.
        """
        values = self.logits
        if self.is_multi_label:
            return (
                len(values) if (values >= 0).all() and (values <= 1).all() and values.any() and len(values) > 1 else 0
            )
        alike = (values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) < ROUNDED_SUM)
        n, are_whole = int(alike.sum()), (values[alike] == np.round(values[alike])).all()
        return 0 if are_whole or n < max(2, FEWEST_ALIKE * len(values)) else n

    @property
    def are_like_percentages(self) -> bool:
        """Whether logits are >= 0 and add up to 100 in every row, as rounded percentages do and those of no model."""
        values = self.logits
        are_percent = (values >= 0).all() and (np.abs(values.sum(axis=1) - 100) < 100 * ROUNDED_SUM).all()
        return bool(are_percent) and not self.is_multi_label and len(values) > 1

    @property
    def are_answers(self) -> bool:
        """Whether logits are 1 for one class and 0 for the others in each of many rows, as where each row is an answer."""
        values = self.logits
        are_whole = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
        return bool(are_whole) and not self.is_multi_label and len(values) >= FEWEST_ANSWERS

    def fingerprint(self) -> str:
        """16 hex digits over the content."""
        digest = hashlib.blake2b(b"".join(self.rows), digest_size=8)
        digest.update(np.ascontiguousarray(self.logits).tobytes())
        if self.hidden is not None:
            digest.update(np.ascontiguousarray(self.hidden).tobytes())
        return digest.hexdigest()


def read_logits_file(
    path: str | Path | tuple[str, ...],
    labels: Sequence[str],
    said: Sequence[str] | None = None,
    is_multi_label: bool = False,
) -> LogitsFile:
    """Read a file of one row for each text: Parquet, CSV, TSV or JSON, by its path or URI. Several files, named by a tuple, a folder or a
    pattern, are read as one.

    A column `text`, or `text_hash` (`distune.corpora.texts.text_hash`, bytes or hex); and the logits as a column
    `logits` of lists or of a value for each label, or as columns `logit_LABEL`. `probabilities` and `probability_LABEL`
    work the same way; their logarithm equals the logits up to a constant. Columns are matched to labels by their names
    (`distune.corpora.columns`). The values of a list have the labels in the file's metadata, else the order of
    `labels`. `said` are the labels of the columns in their order, and count before any names. A list column `hidden`
    may hold hidden states of the teacher, of any one width. If a text has several labels, each probability is of its
    label alone. Raises CorpusError for anything else.
    """
    table = read_logits_table(path if isinstance(path, tuple) else str(path))
    notes = [*table.notes]
    table = _with_texts(table, notes)
    path, about = table.name, about_of(table.name, table.metadata)
    refuse_export_of_other_task(path, about, is_multi_label)
    wanted = Wanted(labels=labels, said=said, in_metadata=about.get("labels"), is_multi_label=is_multi_label)
    values, columns, is_of_softmax = logits_in(table, wanted, notes)
    _refuse_not_finite(values, table)
    hashes = hashes_of(table)
    rows = {one: row for row, one in enumerate(hashes)}
    if len(rows) < len(hashes):
        _refuse_other_logits(values, table, [rows[one] for one in hashes])
    hidden = None
    if "hidden" in table.columns:
        states = of_lists(table, "hidden").values
        _refuse_not_finite(states, table, " of hidden")
        hidden = hidden_in_half(states, f"{path}, hidden")
    return LogitsFile(
        path=path,
        rows=rows,
        logits=values,
        hidden=hidden,
        about=about,
        columns=columns,
        notes=tuple(notes),
        is_multi_label=is_multi_label,
        is_of_softmax=is_of_softmax,
    )


def _refuse_other_logits(values: NDArray[np.floating], table: Table, last: Sequence[int]) -> None:
    """Raise CorpusError if the teacher has said different things of one text; `last` is the last row of each row's text."""
    spread = np.abs(values - values[last]).max(axis=1)
    if spread.max() > LARGEST_SPREAD:
        most = int(spread.argmax())
        raise CorpusError(
            f"{table.name}: a text occurs twice with different logits, in {table.rows[most]} and {table.rows[last[most]]} (they differ "
            f"by {spread[most]:.3g})"
        )


def _refuse_not_finite(values: NDArray[np.floating], table: Table, of: str = "") -> None:
    odd = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(odd):
        raise CorpusError(
            f"{table.name}: {n_of(len(odd), f'row{of} is', f'rows{of} are')} not finite numbers, first {table.rows[int(odd[0])]}"
        )


def _with_texts(table: Table, notes: list[str]) -> Table:
    """The rows that have a text."""
    if "text" not in table.columns:
        return table
    has_text = [has_content(text) for text in texts_of_answers(table)]
    if all(has_text):
        return table
    notes.append(f"{n_of(has_text.count(False), 'row')} without a text left out")
    if not any(has_text):
        raise CorpusError(f"{table.name}: the column text is empty throughout ({n_of(len(has_text), 'row')})")
    columns = {name: list(compress(table.column(name), has_text)) for name in table.columns}
    return replace(table, columns=columns, n_rows=sum(has_text), rows=table.rows.kept(has_text))
