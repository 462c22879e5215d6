"""Lines in, answers out as they come, by a checkpoint folder.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

from .predictor import Predictor, TextError

BLOCK_BYTES = 1 << 18


class Source(Protocol):
    """A source of lines, such as a file that is open for reading bytes."""

    def read1(self, size: int, /) -> bytes:
        """The bytes that have arrived, b"" at the end."""
        ...


def answer_lines(
    predictor: Predictor, source: Source, sink: BinaryIO, after: Callable[[int], object] = lambda n_texts: None
) -> None:
    """Answer each line of `source` by one JSON object, in order, as soon as the line has come. A line of pairs has a tab
    between its two texts.

    Lines that arrive together are answered together, and `after` gets their number. Raises TextError for a line that is
    not UTF-8.
    """
    n_before = 0
    for texts in _texts_as_they_come(source):
        asked = _pairs(texts, n_before) if predictor.is_of_pairs else texts
        n_before += len(texts)
        lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor.answers(asked)]
        sink.write("".join(lines).encode())
        sink.flush()
        after(len(texts))


def _texts_as_they_come(source: Source) -> Iterator[list[str]]:
    """The lines that each read brings to their end; a read waits for nothing but the first byte."""
    n_lines, begun = 0, [b""]
    while block := source.read1(BLOCK_BYTES):
        *whole, rest = block.split(b"\n")
        if whole:
            whole[0] = b"".join([*begun, whole[0]])
            yield [_text(line, n_lines + i) for i, line in enumerate(whole, 1)]
            n_lines, begun = n_lines + len(whole), []
        begun.append(rest)
    if last := b"".join(begun):
        yield [_text(last, n_lines + 1)]


def _pairs(lines: Sequence[str], n_before: int) -> list[tuple[str, ...]]:
    pairs = [tuple(line.split("\t")) for line in lines]
    for i, pair in enumerate(pairs, 1):
        if len(pair) != 2:
            raise TextError(
                f"line {n_before + i}: this student answers pairs: a line needs two texts with one tab between them, but got "
                f"{lines[i - 1]!r:.200}"
            )
    return pairs


def _text(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"line {number} is not UTF-8: {error.reason} at its byte {error.start + 1}; save it as UTF-8, such as by "
            "`iconv -f gb18030 -t utf-8`"
        ) from error
