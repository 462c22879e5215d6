"""One corpus as a frozen value: read, cleaned of duplicates, split by content, with a fingerprint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distune._pairs import in_words as shown
from distune._plural import n_of
from distune.corpora.cleaning import deduplicated, label_names
from distune.corpora.collecting import without_collecting
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.corpus_facts import CorpusFacts
from distune.corpora.files import REVIEWS, read_reviews, read_rows
from distune.corpora.given_splits import with_given_splits
from distune.corpora.labelling import labelling_of, n_texts_of
from distune.corpora.pairs import about_sides
from distune.corpora.rows import Row
from distune.corpora.split import Split, labelled_fingerprint, lacking_classes, other_shares, texts_fingerprint
from distune.corpora.splitting import drawn, file_of, keep_labelled, per_class, read_unlabelled, split_rows
from distune.corpora.table_config import in_words
from distune.corpora.texts import CorpusError, content_keys


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A text is in exactly one of the four splits. `fingerprint` covers the texts and the classes.

    The fingerprint does not cover the label of a text or the choice of labelled train texts. So one teacher-logits
    cache serves every choice of `labelled`, and corrected labels. Accuracies can be compared only with the same
    `answers_fingerprint`. Models that learnt from the labels of train need the same `train_fingerprint`.
    """

    labels: tuple[str, ...]
    train: Split
    transfer: Split
    dev: Split
    test: Split
    fingerprint: str
    source: str = ""
    """The source as it was read: of a data set of the hub, the split and the commit too."""
    drawn: tuple[str, ...] = ()
    """The splits of dev and test that were drawn from the source."""
    notes: tuple[str, ...] = ()
    labelled_by: str = ""
    """The file of answers that the labels of train come from; "" for labels of its own."""

    @property
    def is_multi_label(self) -> bool:
        """Whether a text may have several labels."""
        return self.dev.labels.ndim == 2

    @property
    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "transfer": self.transfer, "dev": self.dev, "test": self.test}

    @functools.cached_property
    def answers_fingerprint(self) -> str:
        """16 hex digits over the texts of dev and of test with their labels, on which every accuracy depends."""
        return labelled_fingerprint(self.labels, self.dev, self.test)

    @functools.cached_property
    def train_fingerprint(self) -> str:
        """16 hex digits over the texts of train with their labels: what students learn from."""
        return labelled_fingerprint(self.labels, self.train)

    @property
    def facts(self) -> CorpusFacts:
        """The facts about it, without its texts."""
        return CorpusFacts(
            labels=self.labels,
            is_multi_label=self.is_multi_label,
            sizes={name: len(split) for name, split in self.splits.items()},
            fingerprint=self.fingerprint,
            answers_fingerprint=self.answers_fingerprint,
            train_fingerprint=self.train_fingerprint,
            source=self.source,
            labelled_by=self.labelled_by,
        )

    def class_counts(self) -> dict[str, dict[str, int]]:
        """How many texts of each class train, dev and test have: by label, then by split."""
        counted = {name: n_texts_of(self.splits[name].labels, len(self.labels)) for name in ("train", "dev", "test")}
        return {label: {name: int(n[i]) for name, n in counted.items()} for i, label in enumerate(self.labels)}

    def texts(self) -> list[str]:
        """Every text once, in the order train, transfer, dev, test."""
        return [text for split in self.splits.values() for text in split.texts]


@without_collecting()
def load_corpus(config: CorpusConfig) -> Corpus:
    """Read, clean and split a corpus.

    Raises CorpusError for unreadable files, labels that are unknown or fewer than two, splits that are empty or that
    share a text.
    """
    notes: list[str] = []
    if config.source != REVIEWS:
        config = with_given_splits(config, notes)
    rows = _read_source(config, notes)
    labelling = labelling_of(config.multi_label)
    labels = label_names(config, rows, notes, labelling)
    _refuse_other_descriptions(config, labels)
    rows = deduplicated(labelling.picked(rows, labels, notes), notes, labelling)
    rows = per_class(rows, labels, config)
    train, dev, test = split_rows(rows, config, labels, notes)
    train, transfer = keep_labelled(train, labels, config)
    if config.unlabelled or config.more_unlabelled:
        taken = set(content_keys([row.text for part in (train, transfer, dev, test) for row in part]))
        transfer = transfer + read_unlabelled(config, taken, notes)
    transfer = drawn(transfer, config)
    parts = {
        name: Split(tuple(row.text for row in part), labelling.numbers(part, labels))
        for name, part in (("train", train), ("transfer", transfer), ("dev", dev), ("test", test))
    }
    _refuse_empty_splits(parts, len(rows), config)
    if config.dev is not None or config.test is not None:  # What is drawn by content stands in one split.
        _refuse_shared_texts(parts, config)
        notes += other_shares(labels, parts)
    notes += lacking_classes(labels, parts)
    if config.text_b is not None:
        notes += about_sides({name: part.texts for name, part in parts.items()})
    return Corpus(
        labels=labels,
        train=parts["train"],
        transfer=parts["transfer"],
        dev=parts["dev"],
        test=parts["test"],
        fingerprint=texts_fingerprint(labels, parts),
        source=config.source_name,
        drawn=tuple(name for name in ("dev", "test") if getattr(config, name) is None),
        notes=tuple(notes),
    )


def without_texts(corpus: Corpus, left_out: Callable[[str], bool], notes: Sequence[str]) -> Corpus:
    """The corpus without some texts, and with notes that say why; raises CorpusError if a split is empty then."""
    parts = {}
    for name, split in corpus.splits.items():
        kept = [place for place, text in enumerate(split.texts) if not left_out(text)]
        if len(split) and not kept and name != "transfer":
            raise CorpusError(f"the {name} split is empty: {notes[-1]}")
        parts[name] = Split(tuple(split.texts[place] for place in kept), split.labels[kept])
    now_lacking = [note for note in lacking_classes(corpus.labels, parts) if note not in corpus.notes]
    fingerprint = texts_fingerprint(corpus.labels, parts)
    return replace(
        corpus,
        train=parts["train"],
        transfer=parts["transfer"],
        dev=parts["dev"],
        test=parts["test"],
        fingerprint=fingerprint,
        notes=(*corpus.notes, *notes, *now_lacking),
    )


def with_labels_of(corpus: Corpus, source: str, labels: Mapping[str, Any], note: str) -> Corpus:
    """A corpus whose train has no text, with the transfer texts that `labels` has as its train, under these labels.

    `labels` are those of each text as a row of `Split.labels`.
    """
    rows = [place for place, text in enumerate(corpus.transfer.texts) if text in labels]
    rest = [place for place, text in enumerate(corpus.transfer.texts) if text not in labels]
    texts = corpus.transfer.texts
    numbers = np.array([labels[texts[one]] for one in rows], dtype=corpus.transfer.labels.dtype)
    train = Split(tuple(texts[one] for one in rows), numbers)
    transfer = Split(tuple(texts[one] for one in rest), corpus.transfer.labels[rest])
    lacking = lacking_classes(corpus.labels, {"train": train, "dev": corpus.dev, "test": corpus.test})
    notes = (*corpus.notes, note, *(one for one in lacking if one not in corpus.notes))
    return replace(corpus, train=train, transfer=transfer, notes=notes, labelled_by=source)


def _read_source(config: CorpusConfig, notes: list[str]) -> list[Row]:
    if config.source == REVIEWS:
        return read_reviews()
    return read_rows(file_of(config, config.source), named=config.labels or (), notes=notes)


def _refuse_other_descriptions(config: CorpusConfig, labels: Sequence[str]) -> None:
    unknown = [repr(label) for label in config.descriptions if label not in labels]
    if unknown:
        raise CorpusError(
            f"corpus.descriptions: describes {', '.join(unknown)}, but the labels of the corpus are {', '.join(labels)}"
        )


def _refuse_empty_splits(parts: Mapping[str, Split], n_texts: int, config: CorpusConfig) -> None:
    may_be_empty = {"transfer", "train"} if config.labelled == 0 else {"transfer"}
    for name, part in parts.items():
        if len(part) or name in may_be_empty:
            continue
        if getattr(config, name, None):
            raise CorpusError(
                f"the {name} split is empty: no row of {in_words(getattr(config, name))} has a class of `labels`"
            )
        raise CorpusError(
            f"the {name} split is empty: {n_of(n_texts, 'text')} with dev_fraction={config.dev_fraction}, "
            f"test_fraction={config.test_fraction}"
        )


def _refuse_shared_texts(parts: dict[str, Split], config: CorpusConfig) -> None:
    seen: dict[str, str] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for name, part in parts.items():
        for text, key in zip(part.texts, content_keys(part.texts), strict=True):
            first = seen.setdefault(key, name)
            if first != name:
                shared.setdefault((first, name), []).append(text)
    for (first, second), texts in shared.items():
        both_are_files = config.dev is not None and config.test is not None and (first, second) == ("dev", "test")
        advice = "" if both_are_files else ", or set drop_overlap: true to drop them from the source"
        raise CorpusError(
            f"{n_of(len(texts), 'text stands', 'texts stand')} in two splits, such as {shown(texts[0])[:40]!r}; clean the files{advice} (the splits are {first} "
            f"and {second})"
        )
