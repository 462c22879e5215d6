"""Rows with several labels divided into parts that each have their share of every label, also of rare ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def stratified(labels_of_rows: Sequence[Sequence[int]], shares: Mapping[str, float], n_labels: int) -> list[str]:
    """The part of each row, by iterative stratification (Sechidis et al. 2011, algorithm 1).

    `labels_of_rows` are the labels of each row, and `shares` the share of the rows that each part gets; they sum to 1. The
    label with the fewest rows left is divided first. Each of its rows goes to the part that lacks most of it, then to the
    part that lacks most rows, then to the first. Rows are taken in their order, so that the same rows give the same parts.
    """
    parts = list(shares)
    share = np.array([shares[part] for part in parts])
    wanted = np.bincount([label for labels in labels_of_rows for label in labels], minlength=n_labels)[:, None] * share
    wanted_rows = len(labels_of_rows) * share
    rows_of: list[list[int]] = [[] for _ in range(n_labels)]
    for row, labels in enumerate(labels_of_rows):
        for label in labels:
            rows_of[label].append(row)
    n_left = np.array([len(rows) for rows in rows_of])
    given = [-1] * len(labels_of_rows)

    def give(row: int, part: int) -> None:
        given[row] = part
        wanted_rows[part] -= 1
        for label in labels_of_rows[row]:
            wanted[label, part] -= 1
            n_left[label] -= 1

    while n_left.any():
        rarest = int(np.where(n_left > 0, n_left, len(labels_of_rows) + 1).argmin())
        for row in rows_of[rarest]:
            if given[row] < 0:
                give(row, _most(wanted[rarest], wanted_rows))
    for row, part in enumerate(given):
        if part < 0:
            give(row, int(wanted_rows.argmax()))
    return [parts[part] for part in given]


def _most(wanted: np.ndarray, wanted_rows: np.ndarray) -> int:
    """The part that lacks most rows of a label; of equals, the one that lacks most rows."""
    equals = np.flatnonzero(wanted >= wanted.max() - 1e-9)
    return int(equals[wanted_rows[equals].argmax()])
