"""Doubts about the texts of a file: signs in them that the program which wrote them meant differently, perhaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distune._plural import n_of
from distune.corpora.cells import MISSING
from distune.corpora.doubtful_labels import NUMBER
from distune.corpora.garbled_texts import about_garbled_texts
from distune.corpora.markers import texts_of_json

ESCAPES = {
    '\\"': "a backslash before a quotation mark: where a program escaped marks so, set `quoting: backslash`",
    "\\'": "a backslash before an apostrophe, as some programs write it",
    "\\n": "a backslash and n, as dumps of databases spell a line break",
    "\\t": "a backslash and t, as dumps of databases spell a tab",
    "\\r": "a backslash and r, as dumps of databases spell a carriage return",
    "\\,": "a backslash before a comma, as programs write it that escape and do not quote",
    "\\\\": "two backslashes, as programs write one that escape them",
    "\\\n": "a backslash before a line break, as programs write it that escape and do not quote",
}
"""Escapes that programs write for characters of a text, and the note about each."""
REPLACEMENT = "\ufffd"
OF_PROMPTS = ("###", "->")
"""The signs at the end of a prompt in OpenAI's files for fine-tuning completions."""


def doubts_about(texts: Sequence[str], column: str) -> list[str]:
    """The lines about texts that may mean something else; `column` is the name of their column."""
    found = []
    if all(NUMBER.fullmatch(text) for text in texts):
        found.append(f"  its texts are all numbers, such as {texts[0]}: is {column!r} the text column?")
    found += [*texts_of_json(texts), *_about_missing_values(texts), *_about_escapes(texts), *_about_cuts(texts)]
    found += [*about_garbled_texts(texts), *_about_prompts(texts)]
    n_replaced = sum(REPLACEMENT in text for text in texts)
    if n_replaced:
        found.append(
            f"  {n_of(n_replaced, 'text holds', 'texts hold')} U+FFFD, the sign of characters that an earlier program could not decode"
        )
    return found


def _about_missing_values(texts: Sequence[str]) -> list[str]:
    spelt_missing = Counter(text for text in texts if text in MISSING)
    return [
        f"  {n_of(n, 'text is', 'texts are')} {text!r}: is that a text, or how a program spelt that there is none?"
        for text, n in spelt_missing.most_common(3)
    ]


def _about_escapes(texts: Sequence[str]) -> list[str]:
    escaped = [text for text in texts if "\\" in text]
    n_texts = {what: sum(sign in text for text in escaped) for sign, what in ESCAPES.items()}
    return [
        f"  {n_of(n, 'text holds', 'texts hold')} {what}; this is left as it is" for what, n in n_texts.items() if n
    ]


def _about_cuts(texts: Sequence[str]) -> list[str]:
    """The lines about texts that begin or end as where a program put files together or cut a text in two."""
    found = []
    n_marked = sum(text.startswith("\ufeff") for text in texts)
    if n_marked:
        found.append(
            f"  {n_of(n_marked, 'text begins', 'texts begin')} with a byte-order mark, as where several files were put together"
        )
    n_at_end = sum(text.endswith("\\") and not text.endswith("\\\\") for text in texts)
    if n_at_end:
        found.append(
            f"  {n_of(n_at_end, 'text ends', 'texts end')} in a backslash, as dumps of databases write a line break within a text: "
            "was it cut in two there?"
        )
    return found


def _about_prompts(texts: Sequence[str]) -> list[str]:
    """The line about texts of which most end as prompts do: the texts that a student answers later have no such end."""
    n_texts = {sign: sum(text.endswith(sign) for text in texts) for sign in OF_PROMPTS}
    return [
        f"  {n_of(n, 'text ends', 'texts end')} in {sign!r}, as prompts of OpenAI's old fine-tuning format do: students learn from it, and other "
        "texts do not have it; take it off"
        for sign, n in n_texts.items()
        if 2 * n > len(texts) > 1
    ]
