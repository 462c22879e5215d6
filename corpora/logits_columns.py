"""From the columns of a teacher's file to logits in the order of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distune.corpora.class_scores import class_scores, refuse_sorted, refuse_unnamed
from distune.corpora.columns import ColumnOrder, column_order
from distune.corpora.label_logits import (
    SAME_PROBABILITY,
    SMALLEST_PROBABILITY,
    add_up_to_one,
    are_log_softmax,
    logits_of_labels,
    refuse_other_sides,
)
from distune.corpora.matrices import Matrix, of_columns
from distune.corpora.narrowing import Floats, narrowed, with_classes
from distune.corpora.table_file import Table
from distune.corpora.teacher_logits import Logits
from distune.corpora.texts import CorpusError

FLOOR = np.log(np.float32(SMALLEST_PROBABILITY))
"""The logit of a class to which a file gives the probability 0."""
LOGITS_MEANT = "call the columns logits or logit_LABEL if they are logits or logarithms of probabilities"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The labels that the columns of a file must become: those of the corpus, and those of the columns in their order, by
    the study and by the file's metadata."""

    labels: Sequence[str]
    said: Sequence[str] | None
    in_metadata: Sequence[str] | None
    is_multi_label: bool


def logits_in(table: Table, wanted: Wanted, notes: list[str]) -> tuple[Logits, ColumnOrder, bool]:
    """Logits `[texts, classes]` in the order of the labels, how they were ordered, and whether labels share a softmax.

    If a file has both probabilities and logits, the logits are taken, and the probabilities must match them.
    """
    found = [_of_kind(table, wanted, notes, kind) for kind in (("logits", "logit_"), ("probabilities", "probability_"))]
    logits, probabilities = found
    if logits is not None:
        if probabilities is not None:
            refuse = refuse_other_sides if wanted.is_multi_label else _refuse_contradiction
            refuse(logits[0], probabilities[0], table)
            notes.append("it has logits and probabilities; the logits are taken")
        return logits[0], logits[1], wanted.is_multi_label and are_log_softmax(logits[0])
    if probabilities is None:
        refuse_unnamed(table, wanted.labels)
    values, columns = probabilities
    if wanted.is_multi_label:
        return logits_of_labels(values, table), columns, add_up_to_one(values)
    return _log(values, table), columns, False


def _of_kind(
    table: Table, wanted: Wanted, notes: list[str], kind: tuple[str, str]
) -> tuple[Floats, ColumnOrder] | None:
    """The numbers of a list column, or of the columns that begin with a prefix, in the order of the labels; None
    without such columns."""
    list_name, prefix = kind
    prefixed = [name for name in table.columns if name.startswith(prefix)]
    if list_name in table.columns and prefixed:
        raise CorpusError(
            f"{table.name}: has a column {list_name} and columns {', '.join(prefixed)}; leave one of the two out"
        )
    if list_name in table.columns:
        matrix = class_scores(table, list_name, len(wanted.labels), notes, wanted.is_multi_label)
    elif prefixed:
        matrix = of_columns(table, prefixed, prefix)
    else:
        return None
    order = _order(matrix, table, wanted, prefix if prefixed else "")
    if (matrix.names is None and wanted.in_metadata is None) or not order.by_name:
        refuse_sorted(matrix.values, table.name, wanted.is_multi_label)
    values = matrix.values[:, order.order]
    if (
        wanted.is_multi_label and list_name == "probabilities"
    ):  # Next to 1, float32 has few numbers; their logits have many.
        return values, order
    return narrowed(values, "float32", table.name).astype(np.float32, copy=False), order


def _refuse_contradiction(logits: Logits, probabilities: Floats, table: Table) -> None:
    """Raise CorpusError if the likeliest class of a row is another one by its probabilities than by its logits."""
    likeliest = logits.argmax(axis=1)
    behind = probabilities.max(axis=1) - probabilities[np.arange(len(probabilities)), likeliest]
    if (behind > SAME_PROBABILITY).any():
        first = table.rows[int((behind > SAME_PROBABILITY).argmax())]
        raise CorpusError(
            f"{table.name}: has logits and probabilities, and they contradict each other, first in {first}: the largest logit is of "
            "another class than the largest probability; leave one of the two out"
        )


def _order(matrix: Matrix, table: Table, wanted: Wanted, prefix: str) -> ColumnOrder:
    names = wanted.in_metadata if matrix.names is None else matrix.names
    try:
        return column_order(names, wanted.labels, table.name, wanted.said)
    except CorpusError as error:
        if not prefix or names is None or wanted.said is not None:
            raise
        found, asked = (", ".join(f"{prefix}{name}" for name in part) for part in (names, wanted.labels))
        raise CorpusError(
            f"{table.name}: has {found}, but the corpus' labels ask for {asked}; rename them, or say which is which label by "
            "teacher.labels: [...], in the order of the columns"
        ) from error


def _log(probabilities: Floats, table: Table) -> Logits:
    sums = probabilities.sum(axis=1)
    must = f"{table.name}: probabilities must be >= 0 and add up to 1, but"
    if (probabilities < 0).any():
        place = int((probabilities < 0).any(axis=1).argmax())
        raise CorpusError(f"{must} {table.rows[place]} has {probabilities[place].min():.3g}; {LOGITS_MEANT}")
    if np.abs(sums - 1).max(initial=0.0) > 0.01:
        place = int(np.abs(sums - 1).argmax())
        raise CorpusError(
            f"{must} {table.rows[place]} adds up to {sums[place]:.3f}; divide each row by its sum if they are rounded or percentages; {LOGITS_MEANT}"
        )
    clipped = np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)
    logs = np.where(probabilities <= np.float32(SMALLEST_PROBABILITY), FLOOR, np.log(clipped))
    return with_classes(logs, probabilities.argmax(axis=1)) if logs.size else logs
