"""The labels of a corpus, one a text or several: how rows are numbered, counted and split by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.columns import label_sort_key
from distune.corpora.rows import Label, LabelSet, Row, sort_key
from distune.corpora.stratified import stratified
from distune.corpora.texts import CorpusError, content_fractions

UNLABELLED = -1
"""The number of a label that nobody knows."""
Numbers = NDArray[np.integer[Any]]


class Labelling(Protocol):
    """One label a text, or several."""

    is_multi_label: bool

    def names(self, label: Label | None) -> Iterable[str]:
        """The names that a row's label holds."""
        ...

    def sort_key(self, label: Label | None) -> Any:
        """Sorts the labels of rows."""
        ...

    def picked(self, rows: Sequence[Row], labels: Sequence[str], notes: list[str]) -> list[Row]:
        """The rows with these labels alone; it is noted what was left out."""
        ...

    def numbers(self, rows: Sequence[Row], labels: Sequence[str]) -> Numbers:
        """The labels of rows as `Split.labels` has them."""
        ...

    def spelt(self, numbers: Numbers, labels: Sequence[str]) -> list[bytes]:
        """The label of each text as bytes, the same whatever the order of the classes."""
        ...

    def divided(
        self, rows: Sequence[Row], fractions: Mapping[str, float], labels: Sequence[str], seed: int
    ) -> dict[str, list[Row]]:
        """The rows in parts of these fractions, and the rest as `train`, by content."""
        ...

    def kept(self, train: Sequence[Row], n_kept: int, labels: Sequence[str], seed: int) -> set[str]:
        """The texts of `n_kept` rows that keep their labels."""
        ...


def by_content(rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows in an order that depends on nothing but their contents and the seed."""
    fractions = content_fractions([row.text for row in rows], seed)
    return [row for _, row in sorted(zip(fractions, rows, strict=True), key=itemgetter(0))]


class OneLabel:
    """Each text has one label: its number is the place of its name, -1 without one. `[texts]`."""

    is_multi_label = False

    def names(self, label: Label | None) -> Iterable[str]:
        return () if label is None else (str(label),)

    def sort_key(self, label: Label | None) -> Any:
        return label_sort_key(label)

    def picked(self, rows: Sequence[Row], labels: Sequence[str], notes: list[str]) -> list[Row]:
        others = Counter(row.label for row in rows if row.label not in labels)
        if others:
            shown = _most_common(others)
            notes.append(f"  {n_of(others.total(), 'row')} of other classes than `labels` names left out: {shown}")
        return [row for row in rows if row.label in labels]

    def numbers(self, rows: Sequence[Row], labels: Sequence[str]) -> Numbers:
        index = {name: i for i, name in enumerate(labels)}
        return np.array([UNLABELLED if row.label is None else index[str(row.label)] for row in rows], dtype=np.int64)

    def spelt(self, numbers: Numbers, labels: Sequence[str]) -> list[bytes]:
        return [b"" if i == UNLABELLED else labels[i].encode() for i in numbers.tolist()]

    def divided(
        self, rows: Sequence[Row], fractions: Mapping[str, float], labels: Sequence[str], seed: int
    ) -> dict[str, list[Row]]:
        """A text's part depends on nothing but its content and the seed."""
        parts: dict[str, list[Row]] = {"train": [], **{name: [] for name in fractions}}
        for row, at in zip(rows, content_fractions([row.text for row in rows], seed), strict=True):
            end, part = 0.0, "train"
            for name, fraction in fractions.items():
                end += fraction
                if at < end:
                    part = name
                    break
            parts[part].append(row)
        return parts

    def kept(self, train: Sequence[Row], n_kept: int, labels: Sequence[str], seed: int) -> set[str]:
        """The kept rows are balanced over the classes."""
        room = _balanced(n_kept, Counter(str(row.label) for row in train), labels)
        chosen: set[str] = set()
        for row in by_content(train, seed):
            if room[str(row.label)] > 0:
                room[str(row.label)] -= 1
                chosen.add(row.text)
        return chosen


class SeveralLabels:
    """Each text has any number of labels: 1 for a label that it has, 0 for one that it has not, -1 for an unknown one.
    `[texts, labels]`."""

    is_multi_label = True

    def names(self, label: Label | None) -> Iterable[str]:
        return (*label.has, *label.unknown) if isinstance(label, LabelSet) else ()

    def sort_key(self, label: Label | None) -> Any:
        return sort_key(label) if isinstance(label, LabelSet) else ()

    def picked(self, rows: Sequence[Row], labels: Sequence[str], notes: list[str]) -> list[Row]:
        """The rows of which one of these labels is known, without other labels."""
        there = set(labels)
        others = Counter(name for row in rows for name in self.names(row.label) if name not in there)
        if not others:
            return list(rows)
        notes.append(f"  {n_of(others.total(), 'label')} other than `labels` names left out: {_most_common(others)}")
        kept = [
            Row(row.text, LabelSet(*(tuple(name for name in part if name in there) for part in row.label)))
            if isinstance(row.label, LabelSet)
            else row
            for row in rows
        ]
        known = [row for row in kept if not isinstance(row.label, LabelSet) or len(row.label.unknown) < len(there)]
        if len(known) < len(kept):
            notes.append(f"  {n_of(len(kept) - len(known), 'row')} left out, as none of these labels is known there")
        return known

    def numbers(self, rows: Sequence[Row], labels: Sequence[str]) -> Numbers:
        index = {name: i for i, name in enumerate(labels)}
        numbers = np.zeros((len(rows), len(labels)), dtype=np.int8)
        for place, row in enumerate(rows):
            if not isinstance(row.label, LabelSet):
                numbers[place] = UNLABELLED
                continue
            numbers[place, [index[name] for name in row.label.has]] = 1
            numbers[place, [index[name] for name in row.label.unknown]] = UNLABELLED
        return numbers

    def spelt(self, numbers: Numbers, labels: Sequence[str]) -> list[bytes]:
        order = sorted(range(len(labels)), key=labels.__getitem__)
        signs = {1: "+", UNLABELLED: "?"}
        return [
            b"\x00".join(f"{signs[row[i]]}{labels[i]}".encode() for i in order if row[i] in signs)
            for row in numbers.tolist()
        ]

    def divided(
        self, rows: Sequence[Row], fractions: Mapping[str, float], labels: Sequence[str], seed: int
    ) -> dict[str, list[Row]]:
        """Each part has its share of every label, so that rare labels are in dev and test."""
        shares = {"train": 1 - sum(fractions.values()), **fractions}
        ordered = by_content(rows, seed)
        parts = dict(zip((row.text for row in ordered), self._parts(ordered, shares, labels), strict=True))
        return {part: [row for row in rows if parts[row.text] == part] for part in shares}

    def kept(self, train: Sequence[Row], n_kept: int, labels: Sequence[str], seed: int) -> set[str]:
        """The kept rows have their share of every label."""
        if not n_kept:
            return set()
        ordered = by_content(train, seed)
        share = n_kept / len(train)
        parts = self._parts(ordered, {"kept": share, "rest": 1 - share}, labels)
        # The algorithm misses the number by a few rows: they are added or taken away in the same order.
        chosen = [row.text for row, part in zip(ordered, parts, strict=True) if part == "kept"]
        rest = [row.text for row, part in zip(ordered, parts, strict=True) if part == "rest"]
        return {*chosen[:n_kept], *rest[: max(0, n_kept - len(chosen))]}

    def _parts(self, rows: Sequence[Row], shares: Mapping[str, float], labels: Sequence[str]) -> list[str]:
        index = {name: i for i, name in enumerate(labels)}
        has = [[index[name] for name in row.label.has] if isinstance(row.label, LabelSet) else [] for row in rows]
        return stratified(has, shares, len(labels))


ONE_LABEL = OneLabel()
SEVERAL_LABELS = SeveralLabels()


def labelling_of(is_multi_label: bool) -> Labelling:
    return SEVERAL_LABELS if is_multi_label else ONE_LABEL


def n_texts_of(numbers: Numbers, n_labels: int) -> NDArray[np.int64]:
    """How many texts have each label `[labels]`, from the labels of a split."""
    if numbers.ndim == 1:
        return np.bincount(numbers[numbers != UNLABELLED], minlength=n_labels)
    found: NDArray[np.int64] = np.sum(numbers == 1, axis=0, dtype=np.int64)
    return found


def is_labelled(numbers: Numbers) -> NDArray[np.bool_]:
    """Whether a label of each text is known, `[texts]`."""
    known: NDArray[np.bool_] = numbers != UNLABELLED
    return known if known.ndim == 1 else np.asarray(known.any(axis=1))


def unlabelled(numbers: Numbers, n_texts: int) -> Numbers:
    """Labels of more texts of the same corpus that have none."""
    return np.full((n_texts, *numbers.shape[1:]), UNLABELLED, dtype=numbers.dtype)


def renumbered(numbers: Numbers, places: NDArray[np.int64], n_labels: int) -> Numbers:
    """The labels of texts as another order of `n_labels` labels has them, in which label i is at `places[i]`.

    Unknown labels stay so. If a text has several labels, those of the other order that are at no place are unknown.
    """
    if numbers.ndim == 1:
        return np.where(numbers == UNLABELLED, numbers, places[numbers])
    found = np.full((len(numbers), n_labels), UNLABELLED, dtype=numbers.dtype)
    found[:, places] = numbers
    return found


def _balanced(n_labelled: int, there: Counter[str], labels: Sequence[str]) -> dict[str, int]:
    """How many labels each class keeps: the same number, and one more for classes with enough texts until none
    remains."""
    share, rest = divmod(n_labelled, len(labels))
    most = min(there[label] for label in labels) * len(labels) + len(labels) - 1
    for label in labels:
        if there[label] < share:
            raise CorpusError(
                f"labelled={n_labelled} needs {share - there[label]} more texts labelled {label!r} in train; the labelled texts "
                f"are balanced over the classes, so labelled must be <= {most}"
            )
    room = dict.fromkeys(labels, share)
    while rest:
        for label in labels:
            if rest and room[label] < there[label]:
                room[label] += 1
                rest -= 1
    return room


def _most_common(counts: Counter[Any]) -> str:
    shown = ", ".join(f"{label} ({n})" for label, n in counts.most_common(5))
    return shown + (", ..." if len(counts) > 5 else "")
