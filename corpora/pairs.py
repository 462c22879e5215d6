"""Pairs of texts in the splits of a corpus: the texts that dev and test share with train, though they share no pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distune._pairs import sides
from distune._plural import n_of
from distune.corpora.texts import content_key


def about_sides(splits: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines about texts of dev and test that another pair of train or transfer has, and about pairs that it has in
    the other order."""
    learnt = {tuple(map(content_key, sides(text))) for name in ("train", "transfer") for text in splits[name]}
    there = {side for pair in learnt for side in pair}
    notes = []
    for name in ("dev", "test"):
        pairs = [tuple(map(content_key, sides(text))) for text in splits[name]]
        n_known = sum(any(side in there for side in pair) for pair in pairs)
        n_turned = sum(pair[::-1] in learnt for pair in pairs)
        if n_known:
            notes.append(
                f"  {n_of(n_known, 'pair')} of {len(pairs)} in {name} {'has' if n_known == 1 else 'have'} a text that is in another pair "
                f"of train: a student may know {'its' if n_known == 1 else 'their'} words"
            )
        if n_turned:
            notes.append(
                f"  {n_of(n_turned, 'pair')} of {name} {'stands' if n_turned == 1 else 'stand'} in train in the other order"
            )
    return notes
