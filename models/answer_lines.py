"""Lines in, answers out as they come, by a checkpoint folder.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

import numpy as np

from .answers import Answered, Text, TextError, check_abstaining, lacking_side, six_decimals
from .predictor import Predictor

BLOCK_BYTES = 1 << 18


class Source(Protocol):
    """A source of lines, such as a file that is open for reading bytes."""

    def read1(self, size: int, /) -> bytes:
        """The bytes that have arrived, b"" at the end."""
        ...


def answer_lines(
    predictor: Predictor,
    source: Source,
    sink: BinaryIO,
    after: Callable[[int], object] = lambda n_texts: None,
    abstain_below: float | None = None,
) -> None:
    """Answer each line of `source` by one JSON object, in order, as soon as the line has come. A line of pairs has a tab
    between its two texts.

    Lines that arrive together are answered together, and `after` gets their number. With `abstain_below` each answer says
    whether it `abstained`. Raises TextError for a line that is not UTF-8.
    """
    check_abstaining(abstain_below)
    for texts, fault in texts_as_they_come(source, predictor.is_of_pairs):
        sink.write("".join(_spelt_answers(predictor, texts, abstain_below)).encode())
        sink.flush()
        after(len(texts))
        if fault is not None:
            raise fault


def _spelt_answers(predictor: Predictor, texts: Sequence[Text], abstain_below: float | None) -> list[str]:
    """The answers to texts as lines of JSON, to the letter as `json` spells those of `answers`, in a fifth of the time."""
    answered = predictor.answered(texts)
    probabilities = six_decimals(answered.probabilities)
    if not np.isfinite(probabilities).all():  # Python has other words for them than JSON.
        return [json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor.answers(texts, abstain_below)]
    spelt = [json.dumps(label, ensure_ascii=False) for label in predictor.labels]
    keys = ", ".join(f"{label.replace('%', '%%')}: %r" for label in spelt)
    key = "labels" if predictor.is_multi_label else "label"
    template = f'{{"{key}": %s, "probabilities": {{{keys}}}, "has_known_token": %s%s}}\n'
    if predictor.is_multi_label:
        labels = [json.dumps(one, ensure_ascii=False) for one in predictor.named(answered.answers)]
    else:
        labels = [spelt[i] for i in answered.answers.tolist()]
    known = ["true" if one else "false" for one in answered.has_known_token.tolist()]
    abstained = _spelt_abstained(answered, abstain_below)
    return [
        template % (label, *row, *flags)
        for label, row, *flags in zip(labels, probabilities.tolist(), known, abstained, strict=True)
    ]


def _spelt_abstained(answered: Answered, abstain_below: float | None) -> list[str]:
    """The end of each answer, which says whether it abstained if that was asked for."""
    if abstain_below is None:
        return [""] * len(answered.answers)
    return [f', "abstained": {"true" if one else "false"}' for one in answered.abstained(abstain_below).tolist()]


Read = tuple[list[Text], TextError | None]
"""Texts, and why the line after them is none."""


def texts_as_they_come(source: Source, of_pairs: bool) -> Iterator[Read]:
    """The lines that each read brings to their end; a read waits for nothing but the first byte."""
    n_lines, begun = 0, [b""]
    while block := source.read1(BLOCK_BYTES):
        *whole, rest = block.split(b"\n")
        if whole:
            whole[0] = b"".join([*begun, whole[0]])
            yield _texts(whole, n_lines, of_pairs)
            n_lines, begun = n_lines + len(whole), []
        begun.append(rest)
    if last := b"".join(begun):
        yield _texts([last], n_lines, of_pairs)


def _texts(lines: Sequence[bytes], n_before: int, of_pairs: bool) -> Read:
    texts: list[Text] = []
    for number, line in enumerate(lines, n_before + 1):
        try:
            text = _text(line, number)
            texts.append(_pair(text, number) if of_pairs else text)
        except TextError as error:
            return texts, error
    return texts, None


def _pair(line: str, number: int) -> tuple[str, ...]:
    """The two texts of a line; a blank line is a pair of texts without a word, as it is a text without one elsewhere."""
    pair = tuple(line.split("\t")) if line.strip() else ("", "")
    if len(pair) != 2:
        raise TextError(
            f"line {number}: this student answers pairs: a line needs two texts with one tab between them, but got {line!r:.200}"
        )
    if lacking := lacking_side(pair):
        raise TextError(f"line {number} is a pair without its {lacking} text, but got {line!r:.200}")
    return pair


def _text(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"line {number} is not UTF-8: {error.reason} at its byte {error.start + 1}; save it as UTF-8, such as by "
            "`iconv -f gb18030 -t utf-8`"
        ) from error
