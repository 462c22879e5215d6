"""Which column of a teacher is which class of the corpus: matched by name if they have names, else in a stated
order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distune._plural import n_of
from distune.corpora.texts import CorpusError

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]{1,18}\.?[0-9]*|\.[0-9]+)")
WHOLE_FLOAT = re.compile(r"([+-]?[0-9]{1,18})\.0*")
NUMBERED = re.compile(r"(?:label|class)?[ _-]?([0-9]{1,6})")
"""Names that say no more than a number, such as transformers' `LABEL_0`."""


@dataclass(frozen=True, kw_only=True)
class ColumnOrder:
    """How the columns of a teacher become the classes of the corpus.

    Class `c` of the corpus is column `order[c]` of the teacher. `assumed` says what the names alone did not say, in
    words that follow the name of the teacher; it is empty if the names are the labels. `by_name` is false if the
    columns have no names that say a class.
    """

    order: tuple[int, ...]
    assumed: str
    by_name: bool

    def by_column(self, labels: Sequence[str]) -> list[str]:
        """The label of each column of the teacher, in the teacher's own order."""
        found = [""] * len(self.order)
        for label, column in zip(labels, self.order, strict=True):
            found[column] = label
        return found


def label_sort_key(label: object) -> tuple[bool, float, str]:
    """Sorts labels: numbers by their value (2 before 10), before all others, which sort as text."""
    text = str(label)
    is_number = NUMBER.fullmatch(text) is not None
    return not is_number, float(text) if is_number else 0.0, text


def column_order(
    names: Sequence[object] | None, labels: Sequence[str], source: str, said: Sequence[str] | None = None
) -> ColumnOrder:
    """The order in which a teacher's columns are the labels of the corpus.

    `names` are the names of its columns, None if it has none; `said` are the labels of its columns in the study
    (`teacher.labels`), which count before any names. Names that differ from the labels by case, width, surrounding
    white space or the spelling of a whole number (1, "1", 1.0) are the labels. Names that are numbered only (LABEL_0,
    LABEL_1) are taken in the order of the labels, or by number if the labels are these numbers.

    Raises CorpusError, with both lists, for names that match in part or not at all, and for another number of columns.
    """
    texts = None if names is None else [str(name) for name in names]
    if texts is not None and len(texts) != len(labels):
        raise CorpusError(
            f"{source} has {n_of(len(texts), 'column')} ({', '.join(texts)}), but the corpus has {n_of(len(labels), 'label')} "
            f"({', '.join(labels)})"
        )
    if said is not None:
        return _as_said(texts, labels, said)
    if texts is None:
        assumed = f"its columns have no names; taken in the order of the labels: {', '.join(labels)}"
        return ColumnOrder(order=tuple(range(len(labels))), assumed=assumed, by_name=False)
    if len(set(texts)) < len(texts):
        raise CorpusError(
            f"{source}: two of its columns have the same name: {', '.join(texts)}; say which column is which label by "
            "teacher.labels"
        )
    if set(texts) == set(labels):
        return ColumnOrder(order=_places(texts, labels), assumed="", by_name=True)
    keys, wanted = [_key(name) for name in texts], [_key(label) for label in labels]
    if len(set(keys)) == len(set(wanted)) == len(labels) and set(keys) == set(wanted):
        order = _places(keys, wanted)
        pairs = ", ".join(f"{texts[column]!r} is {label!r}" for label, column in zip(labels, order, strict=True))
        return ColumnOrder(order=order, assumed=f"its columns are matched by name: {pairs}", by_name=True)
    if (numbered := _by_number(texts, labels)) is not None:
        return numbered
    n_matching = len(set(keys) & set(wanted))
    how = f"only {n_matching} of {len(labels)} are labels" if n_matching else "none of them is a label"
    raise CorpusError(
        f"{source}: its columns are named {', '.join(texts)}, but the labels of the corpus are {', '.join(labels)}: {how} "
        "of the corpus; say which column is which label by teacher.labels: [...], in the order of the "
        "columns"
    )


def _as_said(texts: Sequence[str] | None, labels: Sequence[str], said: Sequence[str]) -> ColumnOrder:
    if sorted(said) != sorted(labels):
        raise CorpusError(
            f"teacher.labels must hold each label of the corpus once ({', '.join(labels)}), but got {', '.join(said)}"
        )
    assumed = f"its columns are taken as teacher.labels says: {', '.join(said)}"
    if texts is not None and [_key(name) for name in texts] != [_key(label) for label in said]:
        assumed += f" (they are named {', '.join(texts)})"
    return ColumnOrder(order=_places(said, labels), assumed=assumed, by_name=True)


def _by_number(texts: Sequence[str], labels: Sequence[str]) -> ColumnOrder | None:
    """The order of columns that have numbers for names, counted from 0 or from 1; None for other names."""
    found = [NUMBERED.fullmatch(_key(name)) for name in texts]
    numbers = [int(match[1]) for match in found if match]
    if sorted(numbers) not in ([*range(len(labels))], [*range(1, len(labels) + 1)]):
        return None
    as_labels = [_key(label) for label in labels]
    if set(as_labels) == {str(number) for number in numbers}:
        order = _places([str(number) for number in numbers], as_labels)
        taken = [str(number) for number in numbers]
        assumed = f"its columns {', '.join(texts)} are taken by their numbers as the labels {', '.join(taken)}"
        return ColumnOrder(order=order, assumed=assumed, by_name=True)
    if all(WHOLE_NUMBER.fullmatch(_key(name)) for name in texts) and any(
        WHOLE_NUMBER.fullmatch(one) for one in as_labels
    ):
        return None  # Numbers that are not the labels' own: 0 to 4 are not the stars 1 to 5.
    order = tuple(numbers.index(min(numbers) + place) for place in range(len(labels)))
    by_number = ", ".join(texts[column] for column in order)
    assumed = f"its columns {by_number} have no names; taken in the order of the labels: {', '.join(labels)}"
    return ColumnOrder(order=order, assumed=assumed, by_name=False)


def _places(names: Sequence[str], labels: Sequence[str]) -> tuple[int, ...]:
    at = {name: place for place, name in enumerate(names)}
    return tuple(at[label] for label in labels)


def _key(name: str) -> str:
    """A name whatever its width, case and surrounding white space; a whole number whatever its spelling."""
    key = unicodedata.normalize("NFKC", name).strip().casefold()
    if match := WHOLE_FLOAT.fullmatch(key):
        key = match[1]
    return str(int(key)) if WHOLE_NUMBER.fullmatch(key) else key


def class_names(settings: Mapping[str, object], source: str) -> list[str] | None:
    """The names of the columns of a classifier, by column, from its `config.json`; None without names.

    `id2label` counts, or `label2id` without it. Raises CorpusError if they contradict each other, or do not name the
    columns 0, 1, 2, ... each once.
    """
    by_id = _numbered(settings.get("id2label"), f"{source}: id2label in config.json")
    raw = settings.get("label2id")
    turned = {number: name for name, number in raw.items()} if isinstance(raw, Mapping) else None
    if turned is not None and isinstance(raw, Mapping) and len(turned) < len(raw):
        raise CorpusError(
            f"{source}: label2id in config.json gives two labels the same column: {dict(raw)}; say which column is which "
            "label by teacher.labels"
        )
    from_ids = _numbered(turned, f"{source}: label2id in config.json")
    if by_id and from_ids and by_id != from_ids:
        generic = [names for names in (by_id, from_ids) if _are_generic(names)]
        if len(generic) != 1 or len(by_id) != len(from_ids):
            raise CorpusError(
                f"{source}: config.json contradicts itself: by id2label its columns are {', '.join(by_id)}, by label2id "
                f"{', '.join(from_ids)}; say which column is which label by teacher.labels"
            )
        return from_ids if generic[0] is by_id else by_id
    return by_id or from_ids


def _are_generic(names: Sequence[str]) -> bool:
    return list(names) == [f"LABEL_{number}" for number in range(len(names))]


def _numbered(names: object, what: str) -> list[str] | None:
    """Names by their numbers, which JSON spells as strings; a list is in order."""
    if not names:
        return None
    if isinstance(names, Sequence) and not isinstance(names, str):
        return [str(name) for name in names]
    if not isinstance(names, Mapping):
        raise CorpusError(f"{what} must map each column to its label, but got {names!r}")
    try:
        by_number = {int(str(number)): str(name) for number, name in names.items()}
    except ValueError as error:
        raise CorpusError(f"{what} must map the numbers of columns to labels, but got {dict(names)}") from error
    if sorted(by_number) != list(range(len(names))):
        raise CorpusError(
            f"{what} must name the columns 0 to {len(names) - 1}, but names {', '.join(map(str, sorted(by_number)))}; say "
            "which column is which label by teacher.labels"
        )
    return [by_number[number] for number in range(len(names))]
