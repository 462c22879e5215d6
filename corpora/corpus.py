"""One corpus as a frozen value: read, cleaned of duplicates, split by content, with a fingerprint."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpora.columns import label_sort_key
from corpora.corpus_config import CorpusConfig
from corpora.files import REVIEWS, FileConfig, Row, read_reviews, read_rows
from corpora.texts import CorpusError, content_fraction, content_key, text_hash

UNLABELLED = -1


@dataclass(frozen=True)
class Split:
    """Texts and their labels: `labels` is `[texts]`, the index into `Corpus.labels`, or -1 where there is none."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A text stands in exactly one of the four splits; `fingerprint` tells which texts and classes there are.

    The fingerprint says neither which label a text has nor which of the train texts are labelled: one teacher-logits
    cache serves every choice of `labelled`, and labels that were corrected. What is compared by accuracy must have the
    same `answers_fingerprint` too, and what has learnt from the labels of train the same `train_fingerprint`.
    """

    labels: tuple[str, ...]
    train: Split
    transfer: Split
    dev: Split
    test: Split
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "transfer": self.transfer, "dev": self.dev, "test": self.test}

    @functools.cached_property
    def answers_fingerprint(self) -> str:
        """16 hex digits over the texts of dev and of test with their labels: what every accuracy is held against."""
        return labelled_fingerprint(self.labels, self.dev, self.test)

    @functools.cached_property
    def train_fingerprint(self) -> str:
        """16 hex digits over the texts of train with their labels: what students learn from."""
        return labelled_fingerprint(self.labels, self.train)

    def texts(self) -> list[str]:
        """Every text once, in the order train, transfer, dev, test."""
        return [text for split in self.splits.values() for text in split.texts]


def load_corpus(config: CorpusConfig) -> Corpus:
    """Read, clean and split a corpus.

    Raises CorpusError for unreadable files, labels that are unknown or fewer than two, splits that are empty or that
    share a text.
    """
    notes: list[str] = []
    rows = _deduplicated(_read_source(config), notes)
    labels = _label_names(config, rows)
    rows = _selected(rows, labels, config)
    train, dev, test = _split(rows, config, labels, notes)
    train, transfer = _keep_labelled(train, labels, config)
    transfer += _read_unlabelled(
        config, {content_key(row.text) for part in (train, transfer, dev, test) for row in part}
    )
    transfer = _drawn(transfer, config)
    parts = {
        name: _to_split(part, labels)
        for name, part in (("train", train), ("transfer", transfer), ("dev", dev), ("test", test))
    }
    for name, part in parts.items():
        if not len(part) and name != "transfer":
            raise CorpusError(f"the {name} split is empty: {len(rows)} texts with dev_fraction={config.dev_fraction}, "
                              f"test_fraction={config.test_fraction}")  # fmt: skip
    _refuse_shared_texts(parts.values())
    return Corpus(labels, **parts, fingerprint=_fingerprint(labels, list(parts.values())), notes=tuple(notes))


def _file(config: CorpusConfig, path: Path) -> FileConfig:
    return FileConfig(path=path, text=config.text, label=config.label, columns=config.columns)


def _read_source(config: CorpusConfig) -> list[Row]:
    if config.source == REVIEWS:
        return read_reviews()
    return read_rows(_file(config, Path(config.source)))


def _deduplicated(rows: Sequence[Row], notes: list[str]) -> list[Row]:
    """Each text once, sorted by its hash; a text whose labels contradict each other keeps the more frequent one."""
    votes: dict[str, Counter[str | None]] = {}
    for row in rows:
        votes.setdefault(row.text, Counter())[row.label] += 1
    contradicting = [text for text, labels in votes.items() if len(labels) > 1]
    if contradicting:
        notes.append(f"{len(contradicting)} texts carry contradicting labels; the more frequent one was kept "
                     f"(a tie: the smaller), such as {contradicting[0][:40]!r}")  # fmt: skip
    if len(rows) > len(votes):
        notes.append(f"{len(rows) - len(votes)} exact duplicates dropped, {len(votes)} distinct texts kept")
    chosen = [
        Row(text, min(labels, key=lambda label: (-labels[label], label_sort_key(label))))
        for text, labels in votes.items()
    ]
    return sorted(chosen, key=lambda row: text_hash(row.text))


def _label_names(config: CorpusConfig, rows: Sequence[Row]) -> tuple[str, ...]:
    found = sorted({str(row.label) for row in rows}, key=label_sort_key)
    names = config.labels or tuple(found)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise CorpusError(f"labels: unknown label {unknown[0]!r}; {config.source} has {', '.join(found)}")
    if len(names) < 2:
        raise CorpusError(f"{config.source} has one class only ({found[0]!r}); a classifier needs at least two")
    return names


def _selected(rows: Sequence[Row], labels: Sequence[str], config: CorpusConfig) -> list[Row]:
    wanted = [row for row in rows if row.label in labels]
    if config.per_class is None:
        return wanted
    taken: Counter[str | None] = Counter()
    chosen = []
    for row in sorted(wanted, key=lambda row: content_fraction(row.text, config.seed + 1)):
        taken[row.label] += 1
        if taken[row.label] <= config.per_class:
            chosen.append(row)
    for label in labels:
        if taken[label] < config.per_class:
            raise CorpusError(f"per_class must be <= {taken[label]}, the number of texts labelled {label!r}, "
                              f"but got per_class={config.per_class}")  # fmt: skip
    return sorted(chosen, key=lambda row: text_hash(row.text))


def _split(
    rows: Sequence[Row], config: CorpusConfig, labels: Sequence[str], notes: list[str]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Train, dev and test: those that have a file of their own from it, the others drawn by content."""
    given = {
        name: _deduplicated(_known(read_rows(_file(config, path)), labels, path), notes) if path else None
        for name, path in (("dev", config.dev), ("test", config.test))
    }
    if config.drop_overlap:
        rows = _without_overlap(rows, [row for part in given.values() for row in part or []], notes)
    dev_end = 0.0 if given["dev"] is not None else config.dev_fraction
    test_end = dev_end + (0.0 if given["test"] is not None else config.test_fraction)
    drawn: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        fraction = content_fraction(row.text, config.seed)
        drawn["dev" if fraction < dev_end else "test" if fraction < test_end else "train"].append(row)
    dev, test = (given[name] if given[name] is not None else drawn[name] for name in ("dev", "test"))
    return drawn["train"], list(dev or []), list(test or [])


def _known(rows: Sequence[Row], labels: Sequence[str], path: Path) -> list[Row]:
    for row in rows:
        if row.label not in labels:
            raise CorpusError(f"{path}: unknown label {row.label!r}; the corpus has {', '.join(labels)}")
    return list(rows)


def _without_overlap(rows: Sequence[Row], held_out: Sequence[Row], notes: list[str]) -> list[Row]:
    """The source without what stands in a dev or test file, before a dev or test that has none is drawn of it."""
    keys = {content_key(row.text) for row in held_out}
    kept = [row for row in rows if content_key(row.text) not in keys]
    notes.append(f"{len(rows) - len(kept)} texts of the source dropped because they stand in dev or test")
    return kept


def _keep_labelled(train: Sequence[Row], labels: Sequence[str], config: CorpusConfig) -> tuple[list[Row], list[Row]]:
    """The labelled rows, balanced over the classes, and the rest without its labels."""
    if config.labelled is None:
        return list(train), []
    if config.labelled > len(train):
        raise CorpusError(f"labelled must be <= {len(train)}, the size of train, but got labelled={config.labelled}")
    share, extra = divmod(config.labelled, len(labels))
    room = {label: share + (i < extra) for i, label in enumerate(labels)}
    chosen: set[str] = set()
    for row in sorted(train, key=lambda row: content_fraction(row.text, config.seed + 2)):
        if room[str(row.label)] > 0:
            room[str(row.label)] -= 1
            chosen.add(row.text)
    for label, missing in room.items():
        if missing:
            raise CorpusError(f"labelled={config.labelled} needs {missing} more texts labelled {label!r} in train; "
                              "the labelled texts are balanced over the classes")  # fmt: skip
    kept = [row for row in train if row.text in chosen]
    return kept, [Row(row.text, None) for row in train if row.text not in chosen]


def _read_unlabelled(config: CorpusConfig, taken: set[str]) -> list[Row]:
    files = ([_file(config, config.unlabelled)] if config.unlabelled else []) + list(config.more_unlabelled)
    distinct = {row.text: row for file in files for row in read_rows(file, labelled=False)}
    return [row for text, row in sorted(distinct.items()) if content_key(text) not in taken]


def _drawn(transfer: Sequence[Row], config: CorpusConfig) -> list[Row]:
    """So much of the transfer set as the config wants, in its own order."""
    if config.transfer is None:
        return list(transfer)
    if config.transfer > len(transfer):
        raise CorpusError(f"transfer must be <= {len(transfer)}, the size of the transfer set, but got "
                          f"transfer={config.transfer}")  # fmt: skip
    by_chance = sorted(transfer, key=lambda row: content_fraction(row.text, config.seed + 3))
    chosen = {row.text for row in by_chance[: config.transfer]}
    return [row for row in transfer if row.text in chosen]


def _to_split(rows: Sequence[Row], labels: Sequence[str]) -> Split:
    index = {name: i for i, name in enumerate(labels)}
    ids = [UNLABELLED if row.label is None else index[row.label] for row in rows]
    return Split(tuple(row.text for row in rows), np.array(ids, dtype=np.int64))


def _refuse_shared_texts(parts: Iterable[Split]) -> None:
    seen: dict[str, int] = {}
    shared = []
    for number, part in enumerate(parts):
        for text in part.texts:
            if seen.setdefault(content_key(text), number) != number:
                shared.append(text)
    if shared:
        raise CorpusError(f"{len(shared)} texts stand in two splits, such as {shared[0][:40]!r}; clean the files, "
                          "or set drop_overlap: true to drop them from the source")  # fmt: skip


def labelled_fingerprint(labels: Sequence[str], *splits: Split) -> str:
    """16 hex digits over the texts of splits with the names of their labels, whatever the order of texts and classes."""
    digest = hashlib.blake2b(digest_size=8)
    for split in splits:
        digest.update(b"\x01")
        names = [b"" if i == UNLABELLED else labels[i].encode() for i in split.labels.tolist()]
        for text, name in sorted(zip(map(text_hash, split.texts), names, strict=True)):
            digest.update(text + len(name).to_bytes(4, "big") + name)
    return digest.hexdigest()


def _fingerprint(labels: Sequence[str], parts: Sequence[Split]) -> str:
    """16 hex digits over the label names and the texts of train with transfer, of dev and of test."""
    digest = hashlib.blake2b("\x00".join(labels).encode(), digest_size=8)
    for group in (parts[:2], parts[2:3], parts[3:]):
        digest.update(b"\x01")
        for one in sorted(text_hash(text) for part in group for text in part.texts):
            digest.update(one)
    return digest.hexdigest()
