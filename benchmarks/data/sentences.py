"""Phrases split by the sentences that they are parts of.

SST-2's rows are every phrase of the parse trees of some 6,900 sentences. A split by row puts parts of one sentence on both
sides: dev then holds what train holds, and flatters those that remember it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distune.corpora.rows import Row
from distune.corpora.texts import content_fraction


def split_by_sentence(rows: Sequence[Row], fraction: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows of train, and the whole sentences that are held out: about `fraction` of them, drawn by content.

    A sentence is a phrase that is part of no other one. Train has the phrases that stand in a sentence of its own; what stands
    in held-out sentences alone is in neither part.
    """
    words = {row: tuple(row.text.casefold().split()) for row in rows}
    known = set(words.values())
    parts_of = {phrase: {part for part in _parts(phrase) if part in known} for phrase in known}
    sentences = known.difference(*parts_of.values())
    held_out = {one for one in sentences if content_fraction(" ".join(one), seed) < fraction}
    kept = (sentences - held_out).union(*(parts_of[one] for one in sentences - held_out))
    return [row for row in rows if words[row] in kept], [row for row in rows if words[row] in held_out]


def _parts(phrase: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every run of words but the phrase itself."""
    for n_words in range(1, len(phrase)):
        for start in range(len(phrase) - n_words + 1):
            yield tuple(phrase[start : start + n_words])
