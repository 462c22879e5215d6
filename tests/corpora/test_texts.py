from __future__ import annotations

from distune.corpora.texts import content_fraction, content_key, normalise, text_hash


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
