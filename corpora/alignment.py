"""The characters of a text that each of a student's tokens stands for.

A student cuts the text in NFKC without unseen characters (`spelt`), so places count in that form, and a teacher must read
the same form. Lower case and one kind of apostrophe are the only other changes, except for WordPiece, whose own
tokenizer says where its pieces are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distune._pairs import sides
from distune.corpora.encoding import BETWEEN, RESERVED, SEPARATOR, is_of_pairs, spelt, word_piece_tokenizer
from distune.corpora.texts import text_hash
from distune.corpora.tokens import Tokenized

Place = tuple[int, int] | None
"""The first character of a token and the one after its last; None for a token that is not found."""
ACCENT_ALONE = " \u0301"
"""The form of an acute accent in NFKC that was typed as an apostrophe."""
APOSTROPHES = "'\u2018\u2019\u201b\u02bc`\u2032"


def places_in(text: str, tokens: Sequence[str]) -> list[Place]:
    """The places of tokens in the spelt text that they were cut from, in their order.

    >>> places_in("Don’t  stop", ["don't", "stop"])
    [(0, 5), (7, 11)]
    """
    places: list[Place] = []
    end = 0
    for token in tokens:
        start = end
        while start < len(text) and text[start].isspace() and not token.startswith(text[start]):
            start += 1
        found = _end_of(token, text, start)
        places.append(None if found is None else (start, found))
        end = end if found is None else found
    return places


def _end_of(token: str, text: str, start: int) -> int | None:
    """The end of a token that begins at a character; None if another begins there."""
    at = start
    for character in token:
        if character == "'" and text[at : at + 2] == ACCENT_ALONE:
            at += 2
        elif at < len(text) and (
            # A sigma at the end of a word has another lower case than one within it.
            text[at].casefold() == character.casefold() or (character == "'" and text[at] in APOSTROPHES)
        ):
            at += 1
        else:
            return None
    return at


@dataclass(frozen=True)
class Occurrences:
    """Texts as a student reads them, and the words in each that count: their numbers in the vocabulary, their first
    characters and the ones after their last."""

    texts: tuple[str, ...]
    places: tuple[tuple[tuple[int, int, int], ...], ...]


def read_occurrences(tokenized: Tokenized, texts: Sequence[str], most: int) -> Occurrences:
    """At most `most` occurrences of each word and n-gram of a vocabulary in the texts that it was drawn from.

    Texts are read in the order of their hashes, which has nothing to do with their labels, until each word has enough.
    Each of the two texts of a pair is a text of its own.
    """
    ids, longest = _numbers(tokenized)
    of_pairs, locate = is_of_pairs(tokenized.encoder.settings), _locator(tokenized)
    counts: Counter[int] = Counter()
    kept: list[str] = []
    places: list[tuple[tuple[int, int, int], ...]] = []
    for row in sorted(range(len(texts)), key=lambda row: text_hash(texts[row])):
        tokens = tokenized.segmented[row]
        for side, own in zip(sides(texts[row]), _sides(tokens) if of_pairs else [tokens], strict=True):
            if all(counts[i] >= most for i, _, _ in _runs(own, longest, ids)):
                continue
            spelling = spelt(side)
            located = locate(spelling, own)
            wanted = []
            for i, first, last in _runs(own, longest, ids):
                start, end = located[first], located[last]
                if counts[i] < most and start is not None and end is not None:
                    wanted.append((i, start[0], end[1]))
                    counts[i] += 1
            if wanted:
                kept.append(spelling)
                places.append(tuple(wanted))
    return Occurrences(tuple(kept), tuple(places))


def shares_of(tokenized: Tokenized) -> NDArray[np.float64]:
    """The part of all tokens that each word or n-gram of a vocabulary is, in the texts that it was drawn from,
    `[vocabulary]`."""
    ids, longest = _numbers(tokenized)
    counts = np.zeros(len(tokenized.vocabulary))
    n_tokens = 0
    of_pairs = is_of_pairs(tokenized.encoder.settings)
    for tokens in tokenized.segmented:
        for side in _sides(tokens) if of_pairs else [tokens]:
            n_tokens += len(side)
            np.add.at(counts, [number for number, _, _ in _runs(side, longest, ids)], 1)
    return counts / max(1, n_tokens)


def _numbers(tokenized: Tokenized) -> tuple[dict[str, int], int]:
    """The numbers of the words and n-grams of a vocabulary, and the most tokens that one has."""
    ids = {token: i for i, token in enumerate(tokenized.vocabulary) if token not in (*RESERVED, SEPARATOR)}
    return ids, max((token.count(BETWEEN) + 1 for token in ids), default=1)


def _sides(tokens: Sequence[str]) -> list[Sequence[str]]:
    end = tokens.index(SEPARATOR)
    return [tokens[:end], tokens[end + 1 :]]


def _runs(tokens: Sequence[str], longest: int, ids: dict[str, int]) -> Iterator[tuple[int, int, int]]:
    """The tokens and n-grams that a vocabulary has: their number in it, and those of their first and last token."""
    for n in range(1, longest + 1):
        for first in range(len(tokens) - n + 1):
            number = ids.get(BETWEEN.join(tokens[first : first + n]))
            if number is not None:
                yield number, first, first + n - 1


def _locator(tokenized: Tokenized) -> Callable[[str, Sequence[str]], list[Place]]:
    """A function from a spelt text and its tokens to the places of the tokens."""
    if tokenized.encoder.settings["kind"] != "wordpiece":
        return places_in
    tokenizer = word_piece_tokenizer(tokenized.vocabulary)

    def by_tokenizer(text: str, tokens: Sequence[str]) -> list[Place]:
        encoded = tokenizer.encode(text, add_special_tokens=False)
        cut = [
            (token, place) for token, place in zip(encoded.tokens, encoded.offsets, strict=True) if not token.isspace()
        ]
        return [place for _, place in cut] if [token for token, _ in cut] == list(tokens) else [None] * len(tokens)

    return by_tokenizer
