"""The form in which a text is read: its characters in NFKC, without those that nobody sees."""

from __future__ import annotations

import re
import unicodedata

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

    Most Chinese texts are in NFKC except for a few signs. Replaced first, which changes nothing of the result, they
    leave a text that is known to be normal at a glance: a quarter of the time.
    """
    if text.isascii():
        return text
    for sign, normal in _WIDE.items():
        text = text.replace(sign, normal)
    return unicodedata.normalize("NFKC", text)
