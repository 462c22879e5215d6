"""One part of a corpus: its texts with their labels, and the fingerprints of several parts."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED, labelling_of, n_texts_of
from distune.corpora.texts import HASH_BYTES, text_hash

LARGE_DIFFERENCE = 0.1
"""The difference of a label's shares of dev and of test from which on dev is a poor guide to test."""
SURE = 5.0
"""Standard errors of a difference that is no chance, whichever of many labels has it."""


@dataclass(frozen=True)
class Split:
    """Texts and their labels: `labels` is `[texts]`, the index into `Corpus.labels`, or -1 without a label.

    If a text may have several labels, `labels` is `[texts, labels]`: 1, 0, or -1 for a label that is unknown.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def hashes(self) -> Iterator[bytes]:
        """The `text_hash` of each text."""
        joined = self._joined_hashes
        return (joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES))

    @functools.cached_property
    def _joined_hashes(self) -> bytes:
        return b"".join(map(text_hash, self.texts))


def labelled_fingerprint(labels: Sequence[str], *splits: Split) -> str:
    """16 hex digits over the texts of splits with the names of their labels, whatever the order of texts and classes."""
    digest = hashlib.blake2b(digest_size=8)
    for split in splits:
        digest.update(b"\x01")
        names = labelling_of(split.labels.ndim == 2).spelt(split.labels, labels)
        for text, name in sorted(zip(split.hashes, names, strict=True)):
            digest.update(text + len(name).to_bytes(4, "big") + name)
    return digest.hexdigest()


def texts_fingerprint(labels: Sequence[str], splits: Mapping[str, Split]) -> str:
    """16 hex digits over the label names and the texts of train with transfer, of dev and of test."""
    digest = hashlib.blake2b("\x00".join(labels).encode(), digest_size=8)
    for group in (("train", "transfer"), ("dev",), ("test",)):
        digest.update(b"\x01")
        for one in sorted(chain.from_iterable(splits[name].hashes for name in group)):
            digest.update(one)
    return digest.hexdigest()


def lacking_classes(labels: Sequence[str], splits: Mapping[str, Split]) -> list[str]:
    """Which classes have no text in train, dev or test."""
    found = []
    for name in ("train", "dev", "test"):
        counts = n_texts_of(splits[name].labels, len(labels))
        lacking = [repr(label) for label, n in zip(labels, counts, strict=True) if not n and len(splits[name])]
        if lacking:
            found.append(f"{name} has no text of the class{'es' if len(lacking) > 1 else ''} {', '.join(lacking)}")
    return found


def other_shares(labels: Sequence[str], splits: Mapping[str, Split]) -> list[str]:
    """The label that dev and test have most differently often, if dev is a poor guide to test by it."""
    n_texts = [np.maximum((splits[name].labels != UNLABELLED).sum(axis=0), 1) for name in ("dev", "test")]
    n_with = [n_texts_of(splits[name].labels, len(labels)) for name in ("dev", "test")]
    dev, test = (with_it / n for with_it, n in zip(n_with, n_texts, strict=True))
    overall = sum(n_with) / sum(n_texts)
    error = np.sqrt(overall * (1 - overall) * (1 / n_texts[0] + 1 / n_texts[1]))
    difference = np.where(abs(dev - test) > SURE * error, abs(dev - test), 0)
    most = int(difference.argmax())
    if difference[most] < LARGE_DIFFERENCE:
        return []
    return [
        f"dev is not like test: {labels[most]!r} is the label of {100 * dev[most]:.1f} % of its texts, and of {100 * test[most]:.1f} % of test's; "
        "dev chooses the epoch, the student and its thresholds, so both should be like the texts that the student will answer"
    ]
