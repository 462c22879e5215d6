"""The rows of a file of word vectors, in text and in word2vec's binary format, one at a time and before anybody knows who wants them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.models.errors import ModelError

SAMPLED_ROWS = 1000
"""The number of lines that decide the dimension of a text file."""
BLOCK_BYTES = 1 << 20
LONGEST_WORD = 10_000
"""Bytes. If a word of a binary file is longer, its dimension differs from the header's."""
MOST_DIGITS = 18
"""The digits that a number of a header has at most."""
LARGEST_DIMENSION = 1 << 16
"""The numbers that a row of the binary format has at most; a row is read at once."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLAIN = b"0123456789.eE+- \t"
_NOT_FINITE = re.compile(rb"[-+]?(nan|inf|1\.#)", re.IGNORECASE)
"""NaN and infinity, as C libraries write them."""


class Rows(Protocol):
    """Words, each with what `vector` reads its numbers from; `n_said` is how many rows the header promises."""

    dimension: int
    n_said: int | None

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Raises ModelError for a row of another length, and for a file that was cut off."""

    def vector(self, numbers: bytes) -> NDArray[np.float32]:
        """The numbers of a row. Raises ModelError for what is no number."""

    def is_suspect(self, numbers: bytes) -> bool:
        """Whether the numbers of a row must be read even if nobody wants them, as they may be none."""


def header_of(line: bytes) -> tuple[int, int] | None:
    """Rows and dimension, if a line says them."""
    fields = line.split()
    is_header = len(fields) == 2 and all(field.isdigit() and len(field) <= MOST_DIGITS for field in fields)
    return (int(fields[0]), int(fields[1])) if is_header else None


class TextRows:
    """Lines of a word and its numbers, with spaces or tabs between them.

    A word may hold spaces itself: the last `dimension` fields are numbers. The dimension is what most of the first lines
    have. Raises ModelError for a header of another dimension, and for what has no numbers.
    """

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._path, self._file, self._number = path, file, 0
        self._begun = list(islice(file, SAMPLED_ROWS))
        self._begun[0] = self._begun[0].removeprefix(BYTE_ORDER_MARK)
        rows = [line for line in self._begun if line.strip()]
        header = header_of(rows[0])
        counted = Counter(map(_n_numbers, rows[1:] if header and len(rows) > 1 else rows))
        self.dimension = counted.most_common(1)[0][0]
        if header and self.dimension == 1 and header[1] != 1 and len(rows) > 1:
            header = None  # A word that is a number, and its vector of one.
        if header and len(rows) == 1:
            raise ModelError(f"{path} has no vectors: it ends after its header, {_shown(rows[0])}")
        if self.dimension < 1:
            raise ModelError(
                f"{path} cannot be read as word2vec vectors: a line must be a word and its numbers with spaces or tabs "
                f"between them, but got {_shown(rows[-1])}"
            )
        if header and header[1] != self.dimension:
            raise ModelError(
                f"{path}: its header says dimension {header[1]}, but most of its lines have {n_of(self.dimension, 'number')}"
            )
        self.n_said = header[0] if header else None

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        n_rows, dimension, awaited = 0, self.dimension, self.n_said is not None
        for line in chain(self._begun, self._file):
            self._number += 1
            row = line.rstrip()
            if not row:
                continue
            if awaited:
                awaited = False
                continue
            n_rows += 1
            if row.count(b" ") + row.count(b"\t") == dimension and not row[:1].isspace():
                word, numbers = row.split(None, 1)
            else:
                word, numbers = self._uneven(row, is_last=not line.endswith(b"\n"))
            yield word, numbers
        if self.n_said is not None and n_rows < self.n_said and not line.endswith(b"\n"):
            raise ModelError(
                f"{self._path} was cut off: it has {n_rows:,} of the {n_of(self.n_said, 'row')} that its header says, and its "
                "last line has no end"
            )

    def _uneven(self, row: bytes, *, is_last: bool) -> tuple[bytes, bytes]:
        """The word and the numbers of a row that has more separators than numbers, or none of them to spare."""
        fields = row.rsplit(None, self.dimension)
        if len(fields) == self.dimension + 1:
            return fields[0].lstrip(), b" ".join(fields[1:])
        if len(fields) == self.dimension and row[:1].isspace():
            return b"", row
        if is_last:
            raise ModelError(
                f"{self._path} was cut off: its last line has {n_of(_n_numbers(row), 'number')} instead of {self.dimension}"
            )
        self._refuse(
            f"must be a word and {n_of(self.dimension, 'number')} with spaces or tabs between them, but got {_shown(row)}"
        )

    def vector(self, numbers: bytes) -> NDArray[np.float32]:
        if b"_" not in numbers:  # Python takes 1_0 for 10.
            with np.errstate(over="ignore"), suppress(ValueError):
                return np.array([float(number) for number in numbers.split()], dtype=np.float32)
        wrong = next(number for number in numbers.split() if not _is_number(number))
        if _NOT_FINITE.match(wrong):
            return np.full(self.dimension, np.nan, dtype=np.float32)
        self._refuse(f"{_shown(wrong)} is no number, where one with a decimal point must stand")

    def is_suspect(self, numbers: bytes) -> bool:
        return bool(numbers.translate(None, _PLAIN))

    def _refuse(self, reason: str) -> NoReturn:
        raise ModelError(f"{self._path} cannot be read as word2vec vectors: line {self._number}: {reason}")


def _n_numbers(line: bytes) -> int:
    """Numbers of a line whose word has no space in it. If the line begins with white space, that is its word."""
    return len(line.split()) - (not line[:1].isspace())


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def _shown(line: bytes) -> str:
    text = line.strip().decode(errors="replace")
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


LARGEST_NUMBER = 1e6
"""Vectors of words have numbers below 100; letters that are read as numbers are mostly far above, or next to nothing."""


class BinaryRows:
    """Rows of word2vec's binary format: a word, a space, and its numbers in float32, little-endian; after a header."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._path, self._file = path, file
        header = header_of(file.readline(LONGEST_WORD).removeprefix(BYTE_ORDER_MARK))
        if header is None or header[1] < 1:
            raise ModelError(
                f"{path} is not text, and not word2vec's binary format, which begins with a line `rows dimension`"
            )
        if header[1] > LARGEST_DIMENSION:
            raise ModelError(
                f"{path}: its header says dimension {header[1]:,}, and vectors of words have at most {LARGEST_DIMENSION:,} numbers; "
                "copy the whole file again from its source"
            )
        self.n_said: int | None = header[0]
        self.dimension = header[1]

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        size, rest = 4 * self.dimension, b""
        while block := self._file.read(max(BLOCK_BYTES, size)):
            data, start = rest + block, 0
            while (space := data.find(b" ", start, start + LONGEST_WORD)) >= 0 and space + 1 + size <= len(data):
                yield data[start:space].lstrip(b"\n"), data[space + 1 : space + 1 + size]
                start = space + 1 + size
            rest = data[start:]
            if len(rest) > LONGEST_WORD and b" " not in rest[:LONGEST_WORD]:
                raise ModelError(
                    f"{self._path} is no file of word2vec's binary format, or of another dimension than its header "
                    f"says, {self.dimension}: a word in it has no end"
                )
        if rest.strip(b"\n"):
            raise ModelError(f"{self._path} was cut off: there is no whole row in its last {n_of(len(rest), 'byte')}")

    def vector(self, numbers: bytes) -> NDArray[np.float32]:
        """Raises ModelError for a number that no vector has: letters read as numbers, where a word before has a space in it."""
        found = np.frombuffer(numbers, dtype="<f4").astype(np.float32)
        largest = float(np.abs(found[np.isfinite(found)]).max(initial=0.0))
        if largest > LARGEST_NUMBER:
            raise ModelError(
                f"{self._path}: a row holds the number {largest:.3g}, so that its rows are not where its words end; words with a "
                "space in them cannot be told from their numbers in the binary format: save it as text"
            )
        return found

    def is_suspect(self, numbers: bytes) -> bool:
        return True
