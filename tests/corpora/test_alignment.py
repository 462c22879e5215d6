"""The places of a student's tokens in their text, counted by hand and on hard texts."""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np
import pytest

from distune._pairs import joined
from distune.corpora.alignment import places_in, read_occurrences, shares_of
from distune.corpora.encoding import spelt
from distune.corpora.tokens import (
    AnyTokensConfig,
    CharactersConfig,
    EnglishWordsConfig,
    WordPieceConfig,
    WordsCharactersConfig,
    WordsConfig,
    tokenize,
)

HARD = [
    "Don’t ´stop´ it's o´clock rock`n`roll",
    "ＡＢＣ１２３，全角！　空格",
    "Café nai\u0308ve E\u0301TUDE",
    "👍🏽 👨‍👩‍👧好👍",
    "ΣΑΣ ΟΔΟΣ",
    "İstanbul ISPARTA ı",
    "T恤很好ｱｲｳ，这本书\u200b真好",
    "ß ẞ ﬁne ½ Ⅳ",
    "हिन्दी में नमस्ते",
    "a\u00a0b\tc\n\nd  ",
]
PIECES = ("[PAD]", "[UNK]", "caf", "##e", "naive", "t", "恤", "好", "stop", "a", "b", "##c", ",", "!")
KINDS: list[AnyTokensConfig] = [
    EnglishWordsConfig(kind="english_words", min_count=1),
    CharactersConfig(min_count=1),
    WordsConfig(min_count=1),
    WordsConfig(min_count=1, segmenter="rjieba", hmm=True),
    WordsCharactersConfig(kind="words_characters", min_count=1),
]


def test_places_are_those_of_the_spelt_text() -> None:
    assert spelt("ＡＢ  Don’t") == "AB  Don’t"
    assert places_in("AB  Don’t", ["ab", "don't"]) == [(0, 2), (4, 9)]
    assert places_in("这本书很好", ["这", "本书", "很", "好"]) == [(0, 1), (1, 3), (3, 4), (4, 5)]
    assert spelt("o´c") == "o \u0301c"
    assert places_in("o \u0301c!", ["o'c", "!"]) == [(0, 4), (4, 5)]


def test_a_token_that_is_not_there_has_no_place_and_takes_none_from_others() -> None:
    assert places_in("很好", ["很", "x", "好"]) == [(0, 1), None, (1, 2)]


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
def test_each_character_but_white_space_belongs_to_one_token(config: AnyTokensConfig) -> None:
    signs = [chr(n) for n in range(33, 0x11000) if unicodedata.category(chr(n)) not in ("Cn", "Cs", "Co")]
    texts = [*HARD, *("".join(signs[start : start + 50]) for start in range(0, len(signs), 50))]
    tokenized = tokenize(config, texts)
    for text, tokens in zip(texts, tokenized.segmented, strict=True):
        normal = spelt(text)
        taken = [at for start, end in filter(None, places_in(normal, tokens)) for at in range(start, end)]
        assert len(taken) == len(set(taken))
        left = "".join(character for at, character in enumerate(normal) if at not in taken)
        assert not left.strip(), text


def occurrences_of(
    config: AnyTokensConfig, texts: list[str], most: int, pieces: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    """Every occurrence as (token, the characters that it stands for)."""
    tokenized = tokenize(config, texts, pieces)
    found = read_occurrences(tokenized, texts, most)
    return [
        (tokenized.vocabulary[word], text[start:end])
        for text, places in zip(found.texts, found.places, strict=True)
        for word, start, end in places
    ]


def test_pieces_of_wordpiece_stand_where_their_own_tokenizer_says() -> None:
    config = WordPieceConfig(kind="wordpiece", min_count=1)
    found = occurrences_of(config, ["Café！ T恤 Stop", "naïve, 好xyz"], 9, PIECES)
    expected = [("caf", "Caf"), ("##e", "é"), ("!", "!"), ("t", "T"), ("恤", "恤"), ("stop", "Stop")]
    expected += [("naive", "naïve"), (",", ","), ("好", "好")]
    assert Counter(found) == Counter(expected)


def test_an_ngram_stands_for_the_characters_from_its_first_word_to_its_last() -> None:
    config = EnglishWordsConfig(kind="english_words", min_count=2, max_ngram=2)
    found = occurrences_of(config, ["Not  good!", "not good"], 9)
    assert Counter(found) == Counter(
        [
            ("not", "Not"),
            ("good", "good"),
            ("not good", "Not  good"),
            ("not", "not"),
            ("good", "good"),
            ("not good", "not good"),
        ]
    )


def test_the_texts_of_a_pair_are_read_one_by_one() -> None:
    config = EnglishWordsConfig(kind="english_words", min_count=1)
    texts = [joined("a b", "b c")]
    tokenized = tokenize(config, texts)
    assert tokenized.vocabulary == ("[PAD]", "[UNK]", "[SEP]", "b", "a", "c")
    found = read_occurrences(tokenized, texts, 9)
    assert found.texts == ("a b", "b c")
    assert found.places == (((4, 0, 1), (3, 2, 3)), ((3, 0, 1), (5, 2, 3)))
    assert shares_of(tokenized).tolist() == [0, 0, 0, 0.5, 0.25, 0.25]


def test_each_word_counts_at_most_so_often_and_in_any_order_of_texts_alike() -> None:
    config = EnglishWordsConfig(kind="english_words", min_count=1)
    texts = [f"good {word}" for word in "abcdefgh"]
    found = occurrences_of(config, texts, 3)
    assert Counter(token for token, _ in found) == Counter({"good": 3, **dict.fromkeys("abcdefgh", 1)})
    assert read_occurrences(tokenize(config, texts), texts, 3) == read_occurrences(
        tokenize(config, texts[::-1]), texts[::-1], 3
    )


def test_shares_are_parts_of_all_tokens() -> None:
    config = EnglishWordsConfig(kind="english_words", min_count=2, max_ngram=2)
    tokenized = tokenize(config, ["good good book", "good book!"])
    assert tokenized.vocabulary == ("[PAD]", "[UNK]", "good", "book", "good book")
    np.testing.assert_allclose(shares_of(tokenized), [0, 0, 3 / 6, 2 / 6, 2 / 6])
