"""Texts that are encoded together have the ids that each has by itself."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from distune.corpora.encoding import Encoder
from distune.corpora.encoding.flat import BETWEEN_TEXTS, FlatIds, TogetherEncoder
from tests.making.odd_texts import VOCABULARY, odd_texts


def encoder(**settings: Any) -> Encoder:
    tokens = {"kind": "words", "segmenter": "rjieba", "hmm": True, "user_words": [], "max_tokens": 6, "cut": "as_spelt"}
    return Encoder({**tokens, **settings}, VOCABULARY)


def apart(found: FlatIds) -> list[list[int]]:
    ids, ends = found.ids.tolist(), found.lengths.cumsum().tolist()
    assert len(ids) == ends[-1]
    return [ids[end - n : end] for end, n in zip(ends, found.lengths.tolist(), strict=True)]


@pytest.mark.parametrize("kind", ["words", "words_characters"])
@pytest.mark.parametrize(("segmenter", "n"), [("rjieba", 4000), ("jieba", 500)])
@pytest.mark.parametrize("hmm", [True, False])
def test_thousands_of_odd_texts_have_the_ids_that_they_have_alone(kind: str, segmenter: str, n: int, hmm: bool) -> None:
    encode, texts = encoder(kind=kind, segmenter=segmenter, hmm=hmm, user_words=[["X-Y", 500]]), odd_texts(n)
    assert apart(encode.encode_all(texts)) == [encode(text) for text in texts]
    assert isinstance(encode._together, TogetherEncoder)


def test_pairs_too() -> None:
    encode, texts = encoder(cut="pairs_as_spelt"), odd_texts(800)
    pairs = list(itertools.pairwise(texts))
    assert apart(encode.encode_all(pairs)) == [encode(pair) for pair in pairs]


@pytest.mark.parametrize(
    "settings", [{"kind": "characters"}, {"kind": "english_words"}, {"max_ngram": 2}, {"cut": None}], ids=str
)
def test_what_cannot_be_cut_together_is_encoded_one_by_one(settings: dict[str, Any]) -> None:
    encode, texts = encoder(**settings), odd_texts(100)
    assert apart(encode.encode_all(texts)) == [encode(text) for text in texts]
    assert encode._together is False


def test_a_text_with_the_sign_between_texts_is_one_text() -> None:
    encode = encoder()
    texts = [f"好{BETWEEN_TEXTS}酒店", *["好"] * 9]
    assert apart(encode.encode_all(texts)) == [encode(text) for text in texts]


def test_a_text_is_cut_at_the_most_tokens_and_an_empty_one_is_one_unknown_token() -> None:
    encode = encoder(max_tokens=2)
    assert apart(encode.encode_all(["好，酒店，服务", "", " \n", "好", *["酒店"] * 5])) == [
        [8, 1],
        [1],
        [1],
        [8],
        *[[9]] * 5,
    ]
