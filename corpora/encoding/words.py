"""Chinese words: jieba's cuts, by itself or by a Rust program."""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Segment = Callable[[str], Sequence[str]]
UserWords = tuple[tuple[str, int], ...]
"""Words that a user's dictionary adds to jieba's, each with its frequency."""


@functools.cache
def _jieba(user_words: UserWords) -> Any:
    """jieba's own tokenizer: the same cuts, a third faster, and ready in a fifth of a second instead of a whole one.

    Two things are done otherwise. jieba looks every candidate word up twice, first for the graph of words and then for
    the path through it; here the most probable path is found in one pass. For a text of about 50 characters these
    look-ups, in a dictionary of half a million words, are most of what an answer costs. And jieba reads its whole
    dictionary first, or the copy that anybody left in the folder for temporary files; here the words that begin with a
    character are read when the character first occurs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # From Python 3.12 on its escapes warn where it is compiled.
        import jieba

    class OnePass(jieba.Tokenizer):  # type: ignore[misc]
        def initialize(self, dictionary: None = None) -> None:
            with self.get_dict_file() as file:
                content = file.read()
            self._lines, self.total = content.decode(), _sum_of_frequencies(content)
            self._unread: dict[str, list[slice]] = {}
            for run in _SAME_BEGINNING.finditer(self._lines):
                self._unread.setdefault(run[1], []).append(slice(*run.span()))
            self.initialized = True

        def get_DAG(self, sentence: str) -> None:
            """Read the words that begin with a character of the sentence; `calc` finds those in it on its way."""
            # Not `keys() & set`, which walks over what has been read where little is left.
            for character in filter(self._unread.__contains__, set(sentence)):
                for place in self._unread.get(character, ()):
                    for line in self._lines[place].splitlines():
                        word, frequency, _ = line.split(" ")
                        self.FREQ[word] = int(frequency)
                        for end in range(1, len(word)):
                            self.FREQ.setdefault(word[:end], 0)
                self._unread.pop(character, None)  # Another thread may have done the same meanwhile.

        def calc(self, sentence: str, DAG: None, route: dict[int, tuple[float, int]]) -> None:
            frequency, log_total = self.FREQ.get, math.log(self.total)
            scores = [0.0] * (len(sentence) + 1)
            for start in range(len(sentence) - 1, -1, -1):
                best, last, end = -math.inf, start, start + 1
                count = frequency(sentence[start])
                while count is not None:  # None: no word of the dictionary begins so.
                    if count and (score := math.log(count) - log_total + scores[end]) >= best:
                        best, last = score, end - 1
                    end += 1
                    count = frequency(sentence[start:end]) if end <= len(sentence) else None
                scores[start] = best if best > -math.inf else scores[start + 1] - log_total
                route[start] = (scores[start], last)

    tokenizer = OnePass()
    tokenizer.initialize()
    for word, frequency in user_words:
        tokenizer.get_DAG(word)  # Else what is read later would take the place of the user's frequency.
        tokenizer.add_word(word, frequency)
    return tokenizer


_SAME_BEGINNING = re.compile(r"^(.).*\n(?:\1.*\n)*", re.MULTILINE)
"""Lines that follow each other and begin with the same character."""


def _sum_of_frequencies(content: bytes) -> int:
    """The sum over lines `word frequency tag`, taken a digit at a time over all lines: ten times as fast as line by line."""
    signs = np.frombuffer(content, dtype=np.uint8)
    before, after = np.flatnonzero(signs == ord(" ")).reshape(-1, 2).T
    total = 0
    for power in range(int((after - before).max()) - 1):
        places = (after - 1 - power)[after - 1 - power > before]
        total += 10**power * int((signs[places] - ord("0")).sum())
    return total


@functools.cache
def _rjieba(user_words: UserWords) -> Any:
    import rjieba

    tokenizer = rjieba.Jieba()
    for word, frequency in user_words:
        tokenizer.add_word(word, frequency, None)
    return tokenizer


def keeping_frequency(word: str) -> int:
    """The smallest frequency with which jieba keeps a word whole."""
    return int(_jieba(()).suggest_freq(word))


_GUESSED = re.compile(r"([A-Za-z0-9]+(?:\.[0-9]+)?%?)")
_SIGN_BESIDE = re.compile(r"[A-Za-z0-9][!-/:-@[-`{-~]|[!-/:-@[-`{-~][!-~]")
"""The mark of an ASCII word that must be cut: a sign and another character next to it."""


def _cut_by_jieba(user_words: UserWords, hmm: bool) -> Segment:
    return functools.partial(_jieba(user_words).lcut, HMM=hmm)


def _cut_by_rjieba(user_words: UserWords, hmm: bool) -> Segment:
    """jieba's cuts by a Rust program, about six times faster. They differ only in white space, which is dropped anyway.

    If words are guessed (`hmm`), it keeps `60-70` and `mail.com` whole. jieba cuts them at every sign that is no letter
    or digit, and so does this class.
    """
    cut, part = _cut_and_part_by_rjieba(user_words, hmm)
    if not hmm:
        return cut

    def cut_and_part(text: str) -> Sequence[str]:
        words = cut(text)
        return words if _SIGN_BESIDE.search(text) is None else [one for word in words for one in part(word)]

    return cut_and_part


def _cut_and_part_by_rjieba(user_words: UserWords, hmm: bool) -> tuple[Segment, Segment]:
    tokenizer = _rjieba(user_words)

    def part(word: str) -> Sequence[str]:
        if len(word) > 1 and word.isascii() and not word.isalnum() and not tokenizer.has_word(word):
            return [one for one in _GUESSED.split(word) if one]
        return [word]

    return lambda text: tokenizer.cut(text, hmm), part if hmm else _whole


def _cut_and_part_by_jieba(user_words: UserWords, hmm: bool) -> tuple[Segment, Segment]:
    return _cut_by_jieba(user_words, hmm), _whole


def _whole(word: str) -> Sequence[str]:
    return [word]


CUTTERS_AND_PARTS: dict[str, Callable[[UserWords, bool], tuple[Segment, Segment]]] = {
    "jieba": _cut_and_part_by_jieba,
    "rjieba": _cut_and_part_by_rjieba,
}
"""Two functions: one cuts a text, one cuts each of its words further. Together they are the cutter of the same name."""
CUTTERS: dict[str, Callable[[UserWords, bool], Segment]] = {"jieba": _cut_by_jieba, "rjieba": _cut_by_rjieba}
