"""Texts of train that a prompt shows with their labels, where a text has several."""

from __future__ import annotations

from collections import Counter

from distune.corpora.corpus import Corpus
from distune.corpora.labelling import UNLABELLED
from distune.corpora.texts import CorpusError, content_fraction

NO_LABEL = -1
"""The group of the texts without a label."""


def examples_of_sets(corpus: Corpus, n_examples: int, seed: int) -> list[tuple[str, list[str]]]:
    """Texts of train with their labels, drawn by content so that rare labels and texts without a label occur.

    Each is of the label that the texts before it show least, first of none at all, then of the rarest one. A text is left
    out if some label of it is unknown. Raises CorpusError if train has fewer such texts.
    """
    groups = _groups(corpus, seed)
    places = {text: place for place, text in enumerate(corpus.train.texts)}
    n_known = int((corpus.train.labels != UNLABELLED).all(axis=1).sum())
    if n_examples > n_known:
        raise CorpusError(
            f"--examples must be <= {n_known}, the number of train texts of which each label is known, but got {n_examples}"
        )
    by_rarity = sorted(groups, key=lambda group: (group != NO_LABEL, len(groups[group]), group))
    shown: Counter[int] = Counter()
    chosen: dict[str, list[str]] = {}
    while len(chosen) < n_examples:
        left = {group: [text for text in groups[group] if text not in chosen] for group in by_rarity}
        group = min((one for one in by_rarity if left[one]), key=lambda one: shown[one])
        text = left[group][0]
        has = [index for index, one in enumerate(corpus.train.labels[places[text]].tolist()) if one == 1]
        shown.update(has or [NO_LABEL])
        chosen[text] = [corpus.labels[index] for index in has]
    return list(chosen.items())


def _groups(corpus: Corpus, seed: int) -> dict[int, list[str]]:
    """The texts of each label, and of none, in the order in which they are drawn."""
    groups: dict[int, list[str]] = {}
    for text, row in zip(corpus.train.texts, corpus.train.labels.tolist(), strict=True):
        if UNLABELLED not in row:
            for group in [index for index, one in enumerate(row) if one == 1] or [NO_LABEL]:
                groups.setdefault(group, []).append(text)
    return {group: sorted(texts, key=lambda text: content_fraction(text, seed)) for group, texts in groups.items()}
