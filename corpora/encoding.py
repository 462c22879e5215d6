"""From a raw text to token ids. A copy of this file travels with every checkpoint: it imports nothing of the project."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

PADDING, UNKNOWN = 0, 1
RESERVED = ("[PAD]", "[UNK]")
BETWEEN = " "
"""Stands between the tokens of an n-gram; no token has it."""
AS_SPELT = "as_spelt"
"""`tokens["cut"]` of an encoder that cuts a text as it is spelt. Checkpoints from before that have no `cut`: they lower-case a text
first, which takes `T恤` apart."""
Segment = Callable[[str], Sequence[str]]
UserWords = tuple[tuple[str, int], ...]
"""Words that a user's dictionary adds to jieba's, each with its frequency."""


@functools.cache
def _jieba(user_words: UserWords) -> Any:
    """jieba's own tokenizer: the same cuts, a third faster, and ready in a fifth of a second instead of a whole one.

    Two things are done otherwise. jieba looks every candidate word up twice, first for the graph of words and then for the
    path through it; here the most probable path is found in one pass. At a text of some 50 characters these look-ups, in a
    dictionary of half a million words, are most of what an answer costs. And jieba reads its whole dictionary first, or
    the copy that anybody left in the folder for temporary files; here the words that begin with a character are read when
    the character first occurs.
    """
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
    """Of lines `word frequency tag`, a digit at a time over all lines: ten times as fast as line by line."""
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
"""What a word of ASCII that is to be cut has in it: a sign and another character next to it."""


def _cut_by_jieba(user_words: UserWords, hmm: bool) -> Segment:
    return functools.partial(_jieba(user_words).lcut, HMM=hmm)


def _cut_by_rjieba(user_words: UserWords, hmm: bool) -> Segment:
    """jieba's cuts by a Rust program, some six times faster; the same but for white space, which is dropped anyway.

    Where words are guessed (`hmm`), it keeps `60-70` and `mail.com` whole, which jieba cuts at what is no letter or
    digit; they are cut here.
    """
    tokenizer = _rjieba(user_words)
    if not hmm:
        return lambda text: tokenizer.cut(text, False)

    def cut(text: str) -> list[str]:
        words: list[str] = tokenizer.cut(text, True)
        if _SIGN_BESIDE.search(text) is None:
            return words
        found: list[str] = []
        for word in words:
            if len(word) > 1 and word.isascii() and not word.isalnum() and not tokenizer.has_word(word):
                found += [part for part in _GUESSED.split(word) if part]
            else:
                found.append(word)
        return found

    return cut


CUTTERS: dict[str, Callable[[UserWords, bool], Segment]] = {"jieba": _cut_by_jieba, "rjieba": _cut_by_rjieba}


def _words(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    """Words in lower case, cut before they are made so: jieba's dictionary has `T恤` and no `t恤`."""
    user_words = tuple((word, frequency) for word, frequency in tokens["user_words"])
    cut = CUTTERS[tokens["segmenter"]](user_words, tokens["hmm"])

    def lower(text: str) -> Sequence[str]:
        words = cut(text)
        return words if text.lower() == text else list(map(str.lower, words))

    return lower if _is_cut_as_spelt(tokens) else cut


def _words_characters(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    """Words, and those that the vocabulary lacks spelt in characters; without a vocabulary, both of each word."""
    cut, known = _words(tokens, vocabulary), frozenset(vocabulary)

    def both(text: str) -> list[str]:
        return [token for word in cut(text) for token in ([word, *word] if len(word) > 1 else [word])]

    def spelt(text: str) -> list[str]:
        return [token for word in cut(text) for token in ([word] if word in known else word)]

    return spelt if known else both


def _characters(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    return lambda text: list(text.lower())


_TYPED = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")


def _english_words(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    """Runs of letters, their combining marks and digits with the apostrophes inside them, and every other sign by itself."""
    if not _is_cut_as_spelt(tokens):
        return _TYPED.findall

    def cut(text: str) -> list[str]:
        text = text.lower()
        if text.isascii() and "`" not in text:
            return _TYPED.findall(text)
        return _with_marks().findall(_APOSTROPHES.sub("'", text))

    return cut


_APOSTROPHES = re.compile("[\u2018\u2019\u201b\u02bc]|(?<=[^\\W_])(?:`|\u2032| \u0301)(?=[^\\W_])")
"""Other signs than `'` for an apostrophe: typographic ones, and between letters those that keyboards offer beside it. An acute accent
that stands alone is a space and a combining mark in NFKC."""


@functools.cache
def _with_marks() -> re.Pattern[str]:
    """As `_TYPED`, where Hindi's vowel signs and accents that stand apart from their letters are no ends of words."""
    signs = (chr(number) for number in range(0x300, 0x1F000))
    marks = "".join(sign for sign in signs if unicodedata.category(sign) in ("Mn", "Mc"))
    word = f"[^\\W_]+(?:[{marks}]+[^\\W_]*)*"
    return re.compile(rf"{word}(?:'{word})*|[^\w\s]|_")


def _word_pieces(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    """BERT's WordPiece over the vocabulary."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    pieces = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(vocab=pieces, unk_token=RESERVED[UNKNOWN], max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).tokens


SEGMENTERS: dict[str, Callable[[Mapping[str, Any], Sequence[str]], Segment]] = {
    "words": _words,
    "characters": _characters,
    "words_characters": _words_characters,
    "wordpiece": _word_pieces,
    "english_words": _english_words,
}


def needed_packages(tokens: Mapping[str, Any]) -> list[str]:
    """What must be installed to segment by these settings."""
    return [tokens["segmenter"]] if "segmenter" in tokens else ["tokenizers"] if tokens["kind"] == "wordpiece" else []


class MissingPackageError(ImportError):
    """A package that the tokens of a student need is not installed; the message says which."""

    exit_code: ClassVar[int] = 2


def segmenter(tokens: Mapping[str, Any], vocabulary: Sequence[str] = ()) -> Segment:
    """A function from a text of any form to its tokens, by the settings `tokens`; white space is none of them.

    Raises MissingPackageError when what it needs is not installed.
    """
    for package in needed_packages(tokens):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"tokens of kind {tokens['kind']} need the package {package}, which is not "
                f"installed: pip install {package}"
            )
    segment = SEGMENTERS[tokens["kind"]](tokens, vocabulary)

    normal_form = spelt if _is_cut_as_spelt(tokens) else normalized

    def of(text: str) -> list[str]:
        normal = normal_form(text)
        found = segment(normal)
        has_space = normal.split(maxsplit=1) != [normal]
        return list(itertools.filterfalse(str.isspace, found)) if has_space else list(found)

    return of


def _is_cut_as_spelt(tokens: Mapping[str, Any]) -> bool:
    return tokens.get("cut") == AS_SPELT


_WIDE = {sign: unicodedata.normalize("NFKC", sign) for sign in "，！？：；（）～…"}
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs, which are no characters: programs in Rust refuse them."""
_UNSEEN = re.compile(
    "[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe0e\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control and format characters but white space, and what makes a sign an emoji: soft hyphens, zero-width spaces, marks of
direction."""


def spelt(text: str) -> str:
    """The text in NFKC, in its own case and without the characters that nobody sees."""
    normal = _nfkc(text)
    if not normal.isprintable() or "\ufe0f" in normal or "\ufe0e" in normal:
        normal = _UNSEEN.sub("", _HALVES.sub("\ufffd", normal))
    return normal.replace("\u0130", "I")  # Its lower case would be two characters, `i` and a dot.


def normalized(text: str) -> str:
    """The text in NFKC and lower case."""
    normal = _nfkc(text).lower()
    return normal if normal.isprintable() else _HALVES.sub("\ufffd", normal)


def _nfkc(text: str) -> str:
    """The text in NFKC.

    Most Chinese texts are in NFKC but for a few signs. Replaced first, which changes nothing of the result, they leave a text
    that is known to be normal at a glance: a quarter of the time.
    """
    if text.isascii():
        return text
    for sign, normal in _WIDE.items():
        text = text.replace(sign, normal)
    return unicodedata.normalize("NFKC", text)


class Encoder:
    """Text -> token ids: segmented, cut at `max_tokens`, looked up with its n-grams; a text without tokens is one unknown token."""

    def __init__(self, tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> None:
        self.settings = dict(tokens)
        self.segment = segmenter(tokens, vocabulary)
        self._max_tokens: int = tokens["max_tokens"]
        self._max_ngram: int = tokens.get("max_ngram", 1)  # Older checkpoints have none.
        self._ids = {token: i for i, token in enumerate(vocabulary)}
        parted = ((token.rpartition(BETWEEN), i) for token, i in self._ids.items() if BETWEEN in token)
        self._longer = {
            (self._ids.get(begun, UNKNOWN), self._ids.get(last, UNKNOWN)): i for (begun, _, last), i in parted
        }
        """From the ids of an n-gram's beginning and of its last token to its own."""

    def look_up(self, tokens: Sequence[str]) -> list[int]:
        """Ids of the tokens and then of their n-grams, of which unknown ones are left out."""
        read = tokens[: self._max_tokens]
        ids = list(map(self._ids.get, read, itertools.repeat(UNKNOWN)))
        begun: Sequence[int] = ids
        for n in range(1, self._max_ngram):
            pairs = zip(begun, ids[n : len(read)], strict=False)
            begun = tuple(map(self._longer.get, pairs, itertools.repeat(PADDING)))
            ids += filter(None, begun)
        return ids or [UNKNOWN]

    def __call__(self, text: str) -> list[int]:
        return self.look_up(self.segment(text))

    def read_ahead(self) -> None:
        """Read the whole dictionary of words, which a text otherwise brings in by its characters: for what is timed, or serves."""
        self.segment("".join(map(chr, (*range(0x30, 0x7B), *range(0x4E00, 0xA000)))))


def load_encoder(folder: str | Path) -> Encoder:
    """The encoder of a checkpoint folder, from its `config.json` and `vocabulary.txt`."""
    tokens = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["tokens"]
    vocabulary = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return Encoder(tokens, vocabulary)
