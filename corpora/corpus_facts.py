"""The facts about a corpus that a search keeps and prints, without its texts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """The labels of a corpus, the number of texts of each split, its fingerprints and its source."""

    labels: tuple[str, ...]
    is_multi_label: bool
    sizes: dict[str, int]
    fingerprint: str
    answers_fingerprint: str
    train_fingerprint: str
    source: str
    labelled_by: str
    """The file of answers that the labels of train come from; "" for labels of its own."""
