"""Texts that an earlier program spelt or read in its own way: characters as HTML has them, UTF-8 read as Latin-1."""

from __future__ import annotations

import re
from collections.abc import Sequence

from distune._pairs import in_words, sides
from distune._plural import n_of

ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{2,6}|#x[0-9a-fA-F]{2,5});")
"""How HTML spells a character."""


def about_garbled_texts(texts: Sequence[str]) -> list[str]:
    """The lines about texts whose characters an earlier program changed; they are left as they are."""
    found = []
    n_html = sum("&" in text and ENTITY.search(text) is not None for text in texts)
    if n_html:
        found.append(
            f"  {n_of(n_html, 'text holds', 'texts hold')} characters as HTML spells them, such as &amp; or &#39;; this is left as it is"
        )
    garbled = [text for text in texts if any(map(_is_garbled, sides(text)))]
    if garbled:
        found.append(
            f"  {n_of(len(garbled), 'text looks', 'texts look')} like UTF-8 that an earlier program read as Latin-1, such as {in_words(garbled[0])[:30]!r}"
        )
    return found


def _is_garbled(text: str) -> bool:
    """Whether a text looks like UTF-8 that a program read as Latin-1 or Windows-1252: all its characters beyond ASCII are
    the bytes of others, at least two of them."""
    if text.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            meant = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return len(meant) <= len(text) - 2
    return False
