"""The token ids of many texts in one array, to the id those of each text by itself.

Python costs more around each text than the work itself. So texts are cut and looked up together, with a sign between them
that no token has; only tokens that are new are looked at one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .forms import spelt
from .segmenting import SEPARATOR_ID, UNKNOWN

BETWEEN_TEXTS = "\x1f"
"""Stands between texts: a separator of ASCII that is no part of a word, and that hardly any text has."""
_END, _OTHER, _NONE = -1, -2, -3
"""In place of ids: the end of a text, a token that must be looked at, and one that is left out."""
MOST_KEPT = 1 << 16
"""How many tokens are kept with their id in addition to those of the vocabulary."""


class FlatIds(NamedTuple):
    """Token ids of all texts one behind the other, and how many each text has."""

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]


def flat(rows: Sequence[Sequence[int]]) -> FlatIds:
    """The token ids of each text in one array."""
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    ids = np.fromiter((i for row in rows for i in row), dtype=np.int64, count=int(lengths.sum()))
    return FlatIds(ids, lengths)


def paired(sides: FlatIds) -> FlatIds:
    """The ids of pairs, of those of all their sides: each pair's two texts with the separator between them."""
    starts = np.cumsum(sides.lengths) - sides.lengths
    ids = np.insert(sides.ids, starts[1::2], SEPARATOR_ID)
    return FlatIds(ids, sides.lengths.reshape(-1, 2).sum(axis=1) + 1)


class TogetherEncoder:
    """Cuts and looks up many texts together.

    `cut` gives the tokens of a text, `parts` the tokens in the end of one of these: in lower case, perhaps several, none for white
    space. `ids` has the id of each token of the vocabulary.
    """

    def __init__(
        self,
        cut: Callable[[str], Sequence[str]],
        parts: Callable[[str], Sequence[str]],
        ids: Mapping[str, int],
        max_tokens: int,
    ) -> None:
        self._cut, self._parts, self._ids, self._max_tokens = cut, parts, ids, max_tokens
        # A token of the vocabulary that is taken apart or changed is none of those that stand for themselves.
        self._one = {token: i for token, i in ids.items() if _may_be_cut(token) and list(parts(token)) == [token]}
        self._one[BETWEEN_TEXTS] = _END
        self._most = len(self._one) + MOST_KEPT

    def __call__(self, texts: Sequence[str]) -> FlatIds:
        """The ids of texts of which none holds `BETWEEN_TEXTS`."""
        tokens = self._cut(BETWEEN_TEXTS.join(map(spelt, texts)))
        looked_up = map(self._one.get, tokens, itertools.repeat(_OTHER))
        ids = np.fromiter(looked_up, dtype=np.int64, count=len(tokens))
        others = np.flatnonzero(ids == _OTHER).tolist()
        if others:
            ids = self._with_others(ids, others, tokens)
        if (ids == _NONE).any():
            ids = ids[ids != _NONE]
        return _ended(ids, len(texts), self._max_tokens)

    def _with_others(self, ids: NDArray[np.int64], others: Sequence[int], tokens: Sequence[str]) -> NDArray[np.int64]:
        """The ids with those of tokens that are not known to stand for one."""
        several: list[tuple[int, list[int]]] = []
        for place in others:
            found = [self._ids.get(part, UNKNOWN) for part in self._parts(tokens[place])] or [_NONE]
            ids[place] = found[0]
            if len(found) > 1:
                several.append((place, found))
            elif len(self._one) < self._most:
                self._one[tokens[place]] = found[0]
        if not several:
            return ids
        places, rests = zip(*several, strict=True)
        behind = np.repeat(np.array(places) + 1, [len(rest) - 1 for rest in rests])
        return np.insert(ids, behind, [i for rest in rests for i in rest[1:]])


def _may_be_cut(token: str) -> bool:
    return BETWEEN_TEXTS not in token and not token.isspace()


def _ended(ids: NDArray[np.int64], n_texts: int, max_tokens: int) -> FlatIds:
    """The ids of each text, at most `max_tokens` of them, and one unknown token for a text without any."""
    ends = np.append(np.flatnonzero(ids == _END), len(ids))
    lengths = np.diff(ends, prepend=-1) - 1
    if len(lengths) != n_texts:
        raise ValueError(f"the texts were cut into {len(lengths)}, but there are {n_texts}")
    starts = ends - lengths
    kept = np.minimum(lengths, max_tokens)
    is_empty = kept == 0
    asked = np.where(is_empty, 1, kept)
    # Where each text's ids lie among all: its start, and then one after the other.
    begun = np.cumsum(asked) - asked
    places = np.arange(int(asked.sum())) - np.repeat(begun, asked) + np.repeat(starts, asked)
    found = ids[np.minimum(places, len(ids) - 1)] if len(ids) else np.full(len(places), UNKNOWN)
    if is_empty.any():
        found[begun[is_empty]] = UNKNOWN
    return FlatIds(found, asked)
