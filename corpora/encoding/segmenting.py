"""From a text to its tokens, by the kind that a student's settings name."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from .forms import normalized, spelt
from .words import CUTTERS, CUTTERS_AND_PARTS, Segment

PADDING, UNKNOWN = 0, 1
RESERVED = ("[PAD]", "[UNK]")
"""The first two tokens of every vocabulary, whose ids these are."""
SEPARATOR, SEPARATOR_ID = "[SEP]", 2
"""The token between the two texts of a pair, the third of a vocabulary of pairs."""
MARK = "\ufdd0"
"""Stands between the two texts of a pair that is one string."""
AS_SPELT = "as_spelt"
"""`tokens["cut"]` of an encoder that cuts a text as it is spelt. Checkpoints from before that have no `cut`: they lower-case a text
first, which takes `T恤` apart."""
PAIRS_AS_SPELT = "pairs_as_spelt"
"""`tokens["cut"]` of an encoder of pairs, whose two texts are cut each by itself. An earlier version refuses it."""


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
"""Other signs than `'` for an apostrophe: typographic ones, and between letters those that keyboards offer as well.
An acute accent that stands alone is a space and a combining mark in NFKC."""


@functools.cache
def _with_marks() -> re.Pattern[str]:
    """As `_TYPED`, where Hindi's vowel signs and accents that stand apart from their letters are no ends of words."""
    signs = (chr(number) for number in range(0x300, 0x1F000))
    marks = "".join(sign for sign in signs if unicodedata.category(sign) in ("Mn", "Mc"))
    word = f"[^\\W_]+(?:[{marks}]+[^\\W_]*)*"
    return re.compile(rf"{word}(?:'{word})*|[^\w\s]|_")


def word_piece_tokenizer(vocabulary: Sequence[str]) -> Any:
    """BERT's WordPiece over a vocabulary, as the package tokenizers has it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    pieces = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(vocab=pieces, unk_token=RESERVED[UNKNOWN], max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    return tokenizer


def _word_pieces(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> Segment:
    tokenizer = word_piece_tokenizer(vocabulary)
    return lambda text: tokenizer.encode(text, add_special_tokens=False).tokens


SEGMENTERS: dict[str, Callable[[Mapping[str, Any], Sequence[str]], Segment]] = {
    "words": _words,
    "characters": _characters,
    "words_characters": _words_characters,
    "wordpiece": _word_pieces,
    "english_words": _english_words,
}


def needed_packages(tokens: Mapping[str, Any]) -> list[str]:
    """The package that segmenting with these settings needs."""
    return [tokens["segmenter"]] if "segmenter" in tokens else ["tokenizers"] if tokens["kind"] == "wordpiece" else []


class TokensError(ValueError):
    """Settings of tokens by which this version cannot read a text; the message says which."""

    exit_code: ClassVar[int] = 2


def refuse_unknown_settings(tokens: Mapping[str, Any], place: str) -> None:
    """Raise TokensError for settings that a newer version knows, or none: read otherwise, a student would answer otherwise."""
    kind, cut = tokens.get("kind"), tokens.get("cut", AS_SPELT)
    for name, value, known in (("kind", kind, [*SEGMENTERS]), ("cut", cut, [AS_SPELT, PAIRS_AS_SPELT])):
        if value not in known:
            raise TokensError(
                f"{place}: tokens.{name} is {value!r:.80}, and this version knows {', '.join(known)} alone; where the student was made by "
                "a newer Distune, answer with that"
            )
    is_cut_by_words = kind in ("words", "words_characters")
    for name, is_right in (
        ("max_tokens", _is_count(tokens.get("max_tokens"))),
        ("max_ngram", _is_count(tokens.get("max_ngram", 1))),
        ("segmenter", not is_cut_by_words or isinstance(tokens.get("segmenter"), str)),
        ("hmm", not is_cut_by_words or isinstance(tokens.get("hmm"), bool)),
        ("user_words", not is_cut_by_words or _are_user_words(tokens.get("user_words"))),
    ):
        if not is_right:
            raise TokensError(f"{place} is damaged: tokens.{name} is {tokens.get(name)!r:.80}")
    segmenter = tokens.get("segmenter")
    # Also if there is no such package: nobody should install what a file names.
    if is_cut_by_words and segmenter not in CUTTERS:
        raise TokensError(f"{place}: tokens.segmenter is {segmenter!r:.80}, which is none of {', '.join(CUTTERS)}")


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value < 1 << 31


def _are_user_words(value: Any) -> bool:
    pairs = value if isinstance(value, list) else [None]
    return all(
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and type(pair[1]) is int
        and 0 <= pair[1] < 1 << 63
        for pair in pairs
    )


class MissingPackageError(ImportError):
    """A package that the tokens of a student need is not installed; the message says which."""

    exit_code: ClassVar[int] = 2


def refuse_missing_segmenter(tokens: Mapping[str, Any]) -> None:
    """Raise MissingPackageError when a package that segmenting with these settings needs is not installed."""
    for package in needed_packages(tokens):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"tokens of kind {tokens['kind']} need the package {package}, which is not "
                f"installed: pip install {package}"
            )


def segmenter(tokens: Mapping[str, Any], vocabulary: Sequence[str] = ()) -> Segment:
    """A function from a text of any form to its tokens, by the settings `tokens`; white space is none of them.

    Raises MissingPackageError when what it needs is not installed.
    """
    refuse_missing_segmenter(tokens)
    segment = SEGMENTERS[tokens["kind"]](tokens, vocabulary)

    normal_form = spelt if _is_cut_as_spelt(tokens) else normalized

    def of(text: str) -> list[str]:
        normal = normal_form(text)
        found = segment(normal)
        has_space = normal.split(maxsplit=1) != [normal]
        return list(itertools.filterfalse(str.isspace, found)) if has_space else list(found)

    def of_pair(text: str) -> list[str]:
        first, _, second = text.partition(MARK)
        return [*of(first), SEPARATOR, *of(second)]

    return of_pair if is_of_pairs(tokens) else of


def cut_and_parts(tokens: Mapping[str, Any], vocabulary: Sequence[str]) -> tuple[Segment, Segment] | None:
    """Two functions: one cuts a text in the form that `spelt` gives it, one makes tokens of each of its parts. Together they are
    the segmenter of these settings. None for settings by which a text is not cut part by part."""
    if tokens["kind"] not in ("words", "words_characters") or not _is_cut_as_spelt(tokens):
        return None
    user_words = tuple((word, frequency) for word, frequency in tokens["user_words"])
    cut, part = CUTTERS_AND_PARTS[tokens["segmenter"]](user_words, tokens["hmm"])
    known = frozenset(vocabulary) if tokens["kind"] == "words_characters" else None

    def parts(token: str) -> list[str]:
        words = [word.lower() for word in part(token)]
        if known is not None:
            words = [one for word in words for one in ([word] if word in known else word)]
        return [word for word in words if not word.isspace()]

    return cut, parts


def is_of_pairs(tokens: Mapping[str, Any]) -> bool:
    """Whether the settings `tokens` are those of an encoder of pairs."""
    return tokens.get("cut") == PAIRS_AS_SPELT


def _is_cut_as_spelt(tokens: Mapping[str, Any]) -> bool:
    return tokens.get("cut") in (AS_SPELT, PAIRS_AS_SPELT)
