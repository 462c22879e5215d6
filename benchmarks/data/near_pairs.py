"""More pairs of texts for a transfer set of pairs: each text with those that are most like it.

Pairs of texts that were drawn at random have hardly a word in common, and every teacher answers them alike. The nearest texts have
about as many words in common as the labelled pairs, so that a teacher's answers to them say something.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distune.corpora.texts import content_key


def near_pairs(
    pairs: Sequence[Sequence[str]], held_out: Sequence[Sequence[str]], n_neighbours: int
) -> list[tuple[str, str]]:
    """Each text of `pairs` with its `n_neighbours` nearest others, by the TF-IDF of runs of three to five characters.

    No pair is in `pairs` or `held_out`, in either order, and none is there twice.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = list({content_key(text): text for pair in pairs for text in pair}.values())
    rows = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(texts)
    taken = {_key(*pair) for pair in (*pairs, *held_out)}
    found: list[tuple[str, str]] = []
    for start in range(0, len(texts), 256):
        likeness = (rows[start : start + 256] @ rows.T).toarray()
        # One of the nearest is the text itself, and some are its partners.
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : 2 * n_neighbours + 2]
        for i, others in enumerate(nearest, start):
            new = [int(j) for j in others if j != i and _key(texts[i], texts[j]) not in taken][:n_neighbours]
            taken.update(_key(texts[i], texts[j]) for j in new)
            found += [(texts[i], texts[j]) for j in new]
    return found


def _key(first: str, second: str) -> frozenset[str]:
    return frozenset((content_key(first), content_key(second)))
