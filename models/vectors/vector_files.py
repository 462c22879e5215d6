"""The vectors of a file for a vocabulary: text, word2vec's binary format, or gensim's KeyedVectors.

gensim reads a whole file into memory, stops where the header says, and knows words only in their own spelling. Here
text and the binary format are read to their end in little memory. Differences from the header are noted or refused.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import unicodedata
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.vectors.keyed_vectors import read_keyed_vectors
from distune.models.vectors.vector_rows import BYTE_ORDER_MARK, SAMPLED_ROWS, BinaryRows, Rows, TextRows, header_of

Known = dict[str, NDArray[np.float32]]
"""The words that have a vector, and their vectors."""
MAX_UNDECODABLE = 0.1
"""The part of the words that may be no UTF-8; a file with more is in another encoding, or no file of vectors."""
PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
REFUSED = {
    b"\xba\x16\x4f\x2f": "is a model in fastText's own format: name the `.vec` file that fastText writes beside it",
    b"PK\x03\x04": "is a zip archive: unpack it and name the file in it",
    b"7z\xbc\xaf": "is a 7z archive: unpack it and name the file in it",
    b"\x28\xb5\x2f\xfd": "is packed by zstd: unpack it with `zstd -d`",
    b"\xff\xfe": "is in UTF-16: save it in UTF-8",
    b"\xfe\xff": "is in UTF-16: save it in UTF-8",
    b"\x80": "is a packed pickle, as gensim's KeyedVectors are: unpack it, and put the `.npy` files that it was saved with beside it",
    b"\x93NUMPY": "is an array of NumPy, which has no words: write a word and its numbers a line",
}
PICKLE = b"\x80"
"""How gensim's KeyedVectors begin."""


@dataclass(frozen=True, kw_only=True)
class FoundVectors:
    """The vectors of a file for the wanted words; `n_respelt` of them are in the file only in another width or case."""

    dimension: int
    vectors: Known
    n_respelt: int = 0
    notes: tuple[str, ...] = ()


def read_vector_file(path: Path, wanted: Collection[str]) -> FoundVectors:
    """The vectors of the wanted words; the content of the file tells its format.

    The whole file is read, whatever is wanted of it. Raises ModelError for what is no such file, for one that was cut off,
    and for rows of different lengths.
    """
    if not path.is_file():
        raise ModelError(f"no such word-vector file: {path}")
    found = Wanted(words=frozenset(wanted))
    try:
        with path.open("rb") as file:
            beginning = file.read(8)
        if beginning.startswith(PICKLE):
            return _of_keyed_vectors(path, found)
        unpack = next((unpack for magic, unpack in PACKED.items() if beginning.startswith(magic)), open)
        with BufferedReader(unpack(path, "rb"), 1 << 20) as file:
            return _of_rows(path, _rows(path, file), found)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"{path} cannot be read: {reason}") from error


def _rows(path: Path, file: BufferedReader) -> Rows:
    beginning = file.peek(1 << 16)[: 1 << 16].removeprefix(BYTE_ORDER_MARK)
    for magic, reason in REFUSED.items():
        if beginning.startswith(magic):
            raise ModelError(f"{path} {reason}")
    if not beginning.strip():
        raise ModelError(f"{path} is empty")
    first, _, rest = beginning.partition(b"\n")
    return (
        TextRows(path, file) if _is_text(rest if header_of(first) and rest else beginning) else BinaryRows(path, file)
    )


def _is_text(sample: bytes) -> bool:
    """Whether at most one byte in a hundred is a control character; of the bytes of float32 numbers many more are."""
    kept = sample.translate(None, bytes({*range(32), 127} - set(b"\t\n\v\f\r")))
    return len(sample) - len(kept) <= 0.01 * len(sample)


def as_token(word: str) -> str:
    """A word of a file as the tokens of students are spelt: NFKC, lower case, and the apostrophe of keyboards."""
    return unicodedata.normalize("NFKC", word).lower().replace("\u2019", "'")


@dataclass(kw_only=True)
class Wanted:
    """The wanted words that were met, as they are spelt and otherwise; the first row of a word counts."""

    words: frozenset[str]
    spelt: Known = field(default_factory=dict)
    respelt: Known = field(default_factory=dict)
    n_repeated: int = 0
    n_not_finite: int = 0

    def place(self, word: str) -> tuple[Known, str] | None:
        """The row for the vector of a word, and its name; None if the word is not wanted."""
        if word in self.words:
            if word not in self.spelt:
                return self.spelt, word
            self.n_repeated += 1
        elif (token := as_token(word)) in self.words and token not in self.respelt:
            return self.respelt, token
        return None

    def put(self, place: tuple[Known, str] | None, vector: NDArray[np.float32]) -> None:
        if not np.isfinite(vector).all():
            self.n_not_finite += 1
        elif place is not None:
            place[0][place[1]] = vector

    def found(self, path: Path, dimension: int, n_rows: int, notes: list[str]) -> FoundVectors:
        if self.n_not_finite == n_rows:
            raise ModelError(f"{path} has no vectors: each of its rows ({n_rows:,}) holds NaN or infinity")
        if self.n_not_finite:
            notes.append(f"{n_of(self.n_not_finite, 'row')} with NaN or infinity left out")
        if self.n_repeated:
            notes.append(
                f"{n_of(self.n_repeated, 'row repeats', 'rows repeat')} a word of the vocabulary, whose first row counts"
            )
        return FoundVectors(
            dimension=dimension,
            vectors={**self.respelt, **self.spelt},
            n_respelt=len(self.respelt.keys() - self.spelt.keys()),
            notes=tuple(notes),
        )


def _of_rows(path: Path, rows: Rows, found: Wanted) -> FoundVectors:
    n_rows = n_undecodable = n_blank = 0
    for raw, numbers in rows:
        n_rows += 1
        try:
            word = raw.decode()
        except UnicodeDecodeError:
            n_undecodable += 1
            if n_rows >= SAMPLED_ROWS and n_undecodable > MAX_UNDECODABLE * n_rows:
                break
            continue
        if not word:
            n_blank += 1
            continue
        place = found.place(word)
        if place is not None or rows.is_suspect(numbers):
            found.put(place, rows.vector(numbers))
    if not n_rows:
        raise ModelError(f"{path} has no vectors")
    if n_undecodable > MAX_UNDECODABLE * n_rows:
        raise ModelError(
            f"{path}: {n_undecodable:,} of its first {n_rows:,} words are not UTF-8; save it in UTF-8, with the dimension "
            f"{rows.dimension} that it says"
        )
    notes = []
    if rows.n_said is not None and rows.n_said != n_rows:
        notes.append(f"its header says {n_of(rows.n_said, 'row')}, but it has {n_rows:,}; all of them are read")
    if n_undecodable:
        notes.append(f"{n_undecodable:,} of {n_of(n_rows, 'word')} left out, as not UTF-8")
    if n_blank:
        notes.append(f"{n_of(n_blank, 'row')} with white space for a word left out")
    return found.found(path, rows.dimension, n_rows, notes)


def _of_keyed_vectors(path: Path, found: Wanted) -> FoundVectors:
    keyed = read_keyed_vectors(path)
    for word, row in keyed.rows.items():
        if (place := found.place(word)) is not None:
            found.put(place, np.array(keyed.vectors[row], dtype=np.float32))
    if keyed.composed is not None:
        for word in found.words - found.spelt.keys() - found.respelt.keys():
            if (vector := keyed.composed(word)) is not None:
                found.put((found.spelt, word), vector)
    return found.found(path, keyed.vectors.shape[1], len(keyed.rows), [])
