"""Texts whose characters an earlier program changed: it is told."""

from __future__ import annotations

import pytest

from distune._pairs import joined
from distune.corpora.garbled_texts import about_garbled_texts

GARBLED = "  2 texts look like UTF-8 that an earlier program read as Latin-1, such as "


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_texts_that_a_program_read_in_the_wrong_encoding_are_told(encoding: str) -> None:
    texts = [text.encode().decode(encoding, "ignore") for text in ("不错", "C'était très bon", "good")]
    assert about_garbled_texts([texts[1], joined(texts[1], "good"), "café", "Größe", "好"]) == [
        GARBLED + repr(texts[1][:30])
    ]


def test_chinese_texts_read_as_latin_1_are_told() -> None:
    texts = [text.encode().decode("latin-1") for text in ("不错", "很好")]
    assert about_garbled_texts(texts) == [GARBLED + repr(texts[0])]


def test_characters_as_html_spells_them_are_told() -> None:
    texts = ["Q&amp;A", "it&#39;s", "a &lt;b&gt;", "R&D; x", "&copy", "AT&T"]
    assert about_garbled_texts(texts) == [
        "  3 texts hold characters as HTML spells them, such as &amp; or &#39;; this is left as it is"
    ]
