"""The sameness of two texts: the normal form, the identity and the content of a text."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import ClassVar

HASH_BYTES = 16
BLOCK_TEXTS = 4096
"""Texts whose keys are made together."""
BETWEEN_KEYS = "\x00"
"""Stands between texts whose keys are made together: no form of Unicode joins it with what follows."""
PLAIN_SIGNS = {sign: unicodedata.normalize("NFKC", sign) for sign in "，！？：；（）．～…\u3000"}
"""The signs that keep most Chinese texts from being in NFKC, in that form. Without them Unicode's quick check passes a text, which
takes a tenth of the time."""


class CorpusError(ValueError):
    """A corpus, a text file or a teacher-logits cache that cannot be used; the message says what to do."""

    exit_code: ClassVar[int] = 2


class EmptyFileError(CorpusError):
    """A file without content; as one of the parts of a folder it is left out."""


UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens, spaces of no width and byte-order marks within a text."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character beyond the first 65,536, which JSON can spell and no encoding has: a text that was cut in two there."""


def normalise(text: str) -> str:
    """The form in which every text is kept: Unicode NFC without surrounding white space, U+FFFD for half a character."""
    normal = unicodedata.normalize("NFC", text).strip()
    try:
        normal.encode()  # A tenth of the time that the search takes.
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", normal)
    return normal


def text_hash(text: str) -> bytes:
    """The identity of a text, 16 bytes of BLAKE2b over its normal form; logits are joined by it."""
    return hashlib.blake2b(_encoded(text), digest_size=HASH_BYTES).digest()


def _encoded(text: str) -> bytes:
    """The normal form of a text in UTF-8."""
    try:
        return unicodedata.normalize("NFC", text).strip().encode()
    except UnicodeEncodeError:
        return normalise(text).encode()


def content_key(text: str) -> str:
    """The content of a text, without its width, case, spacing and invisible characters.

    Splits are drawn by this key, so two spellings of one text are never on both sides.
    """
    key = _bare(unicodedata.normalize("NFKC", text))
    return text if key == text else key  # One string in memory, not two.


def content_keys(texts: Sequence[str]) -> Iterator[str]:
    """The `content_key` of each text; of Chinese texts in a fifth of the time of one text after the other."""
    for start in range(0, len(texts), BLOCK_TEXTS):
        block = texts[start : start + BLOCK_TEXTS]
        joined = BETWEEN_KEYS.join(block)
        for sign, plain in PLAIN_SIGNS.items():
            joined = joined.replace(sign, plain)
        normal = [unicodedata.normalize("NFKC", text) for text in joined.split(BETWEEN_KEYS)]
        keys = _bare(BETWEEN_KEYS.join(normal)).split(BETWEEN_KEYS)
        if len(keys) != len(block):  # A text has the separator itself.
            keys = list(map(content_key, block))
        for text, key in zip(block, keys, strict=True):
            yield text if key == text else key


def _bare(normal: str) -> str:
    """The content of texts in Unicode NFKC."""
    key = normal.casefold()
    if not key.isascii() and ("\u200b" in key or "\ufeff" in key or "\u00ad" in key or "\u2060" in key):
        key = UNSEEN.sub("", key)
    parts = key.split()
    return parts[0] if len(parts) == 1 else "".join(parts)


def has_content(text: str) -> bool:
    """Whether a text says anything, by its `content_key`."""
    return text[:1].isalnum() or bool(content_key(text))


def content_fraction(text: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the content and the seed."""
    return next(content_fractions([text], seed))


def content_fractions(texts: Sequence[str], seed: int) -> Iterator[float]:
    """The `content_fraction` of each text."""
    begun = _seeded(seed)
    for key in content_keys(texts):
        digest = begun.copy()  # A third of the time that a new one takes.
        digest.update(key.encode())
        yield int.from_bytes(digest.digest(), "big") / 2**64


@functools.lru_cache(maxsize=16)
def _seeded(seed: int) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=8, salt=seed.to_bytes(8, "big"))
