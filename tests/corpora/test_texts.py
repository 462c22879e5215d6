from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distune.corpora import texts
from distune.corpora.texts import (
    content_fraction,
    content_fractions,
    content_key,
    content_keys,
    normalise,
    text_hash,
)

JOINING = "e\u0301\u0327\u0338\u1100\u1161\u11a8\u200b\u00ad\u3000\x00 \u03a3\u00df\u017f\ufb03\uff0c\uff1e\u2026"
"""Characters that join with those before them, that are left out, or that become several."""


def test_characters_that_nobody_sees_make_no_other_content() -> None:
    assert content_key("he\u200bl\u00adlo") == content_key("\ufeffHello") == "hello"
    assert content_key("\u200b") == ""


def test_the_normal_form_is_nfc_without_surrounding_white_space() -> None:
    assert normalise("\u3000 e\u0301t\u00e9 \n") == "\u00e9t\u00e9"


def test_equal_normal_forms_have_one_identity_of_16_bytes() -> None:
    assert text_hash(" e\u0301") == text_hash("\u00e9")
    assert len(text_hash("好")) == 16
    assert text_hash("好") != text_hash("坏")


def test_the_content_does_not_know_width_case_or_spacing() -> None:
    assert content_key("Ｇｏｏｄ　书 ！") == content_key("good书!") == "good书!"
    assert text_hash("Good") != text_hash("good")


def test_the_fraction_depends_on_content_and_seed_alone() -> None:
    assert content_fraction("Good 书", 7) == content_fraction("ｇｏｏｄ书", 7) != content_fraction("Good 书", 8)
    fractions = [content_fraction(f"text {i}", 7) for i in range(2000)]
    assert all(0 <= fraction < 1 for fraction in fractions)
    # 2,000 draws of which a tenth is expected below 0.1: 200, standard deviation 13.4
    assert 140 < sum(fraction < 0.1 for fraction in fractions) < 260


@given(st.lists(st.text(st.one_of(st.sampled_from(JOINING), st.characters(codec="utf-8")), max_size=6), max_size=9))
def test_keys_made_together_are_those_of_each_text_alone(found: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "BLOCK_TEXTS", 4)
        assert list(content_keys(found)) == [content_key(text) for text in found]
        assert list(content_fractions(found, 7)) == [content_fraction(text, 7) for text in found]


def test_signs_that_are_made_plain_first_become_what_unicode_takes_them_apart_into() -> None:
    assert {sign: unicodedata.normalize("NFKD", sign) for sign in texts.PLAIN_SIGNS} == texts.PLAIN_SIGNS
    assert list(content_keys(["真好，是吧？", "好…吗　（是！）"])) == ["真好,是吧?", "好...吗(是!)"]


def test_no_character_joins_with_the_sign_between_texts() -> None:
    between = texts.BETWEEN_KEYS
    for character in map(chr, (*range(0xD800), *range(0xE000, 0x110000))):
        assert unicodedata.normalize("NFKC", between + character).startswith(between)
