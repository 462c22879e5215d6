"""A text file as pieces of its text, unpacked and decoded while it is read: no more of it is in memory than a piece."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from typing import Any, BinaryIO

from distune.corpora.decoding import (
    MAGICS,
    UTF16_MARKS,
    by_mark,
    decode,
    refuse_lines_of_utf8,
    whole_characters,
    zstd_stream,
)
from distune.corpora.places import UNREADABLE, Place
from distune.corpora.table_file import LFS, refuse_folder
from distune.corpora.texts import CorpusError, EmptyFileError

PIECE_BYTES = 1 << 20
"""How much of a file is decoded at a time. A file of one piece is read as a whole, just as a corpus is."""
UNPACKERS: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda source: gzip.GzipFile(fileobj=source),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": zstd_stream,
}
"""The programs that unpack a file, by the ending of its name."""
DAMAGED = (*UNREADABLE, EOFError, ValueError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class Decoded:
    """A piece of the text of a file, how many bytes of the file lie before its end, and the encoding."""

    text: str
    n_bytes: int
    encoding: str


def streamed(place: Place, name: str, compression: str, encoding: str | None) -> Iterator[Decoded]:
    """Yield the text of a file piece by piece; pieces end anywhere. A byte-order mark begins the first one.

    The first piece decides the encoding, as `decode` does with a whole file. Raises CorpusError for a file that cannot be
    read, and where a later piece does not fit the encoding; EmptyFileError for a file without text.
    """
    try:
        with closing(_opened(place, name)) as packed:
            _refuse_pointer(packed.peek(len(LFS)), name, compression)
            source: BinaryIO = BufferedReader(UNPACKERS[compression](packed)) if compression else packed
            yield from _decoded(source, packed, name, encoding)
    except CorpusError:
        raise
    except DAMAGED as error:
        said = str(error).strip().split("\n")[0]
        how = f"decompressed as {compression[1:]}" if compression else "read to its end"
        raise CorpusError(f"{name}: cannot be {how}: {said}") from error


def _opened(place: Place, name: str) -> BufferedReader[Any]:
    refuse_folder(place, name)
    if not place.exists():
        raise CorpusError(f"no such file: {name}")
    return place.open()


def _refuse_pointer(beginning: bytes, name: str, compression: str) -> None:
    if beginning.startswith(LFS):
        raise CorpusError(f"{name}: is a pointer that Git LFS left in place of the file; fetch it by `git lfs pull`")
    for magic, advice in MAGICS.items():
        if not compression and beginning.startswith(magic):
            raise CorpusError(f"{name} {advice}")


def _decoded(source: BinaryIO, packed: BufferedReader[Any], name: str, encoding: str | None) -> Iterator[Decoded]:
    block = source.read(PIECE_BYTES)
    if not block:
        raise EmptyFileError(f"{name}: the file is empty")
    found = _encoding(block, name, encoding)
    decoder = codecs.getincrementaldecoder(found)()
    mark = "\ufeff" if found == "utf-8-sig" or block.startswith(UTF16_MARKS) else ""
    is_guess = encoding is not None and block.isascii()
    n_lines, has_text = 1, False
    while block:
        following = source.read(PIECE_BYTES)
        _refuse_other_encoding(block, found, name, is_guess)
        try:
            text = mark + decoder.decode(block, not following)
        except UnicodeError as error:
            raise _misfit(error, found, n_lines, name) from error
        has_text = has_text or bool(text.strip().strip("\ufeff"))
        if not following and not has_text:
            raise EmptyFileError(f"{name}: the file is empty")
        yield Decoded(text, packed.tell(), found)
        n_lines += text.count("\n")
        block, mark = following, ""


def _encoding(block: bytes, name: str, encoding: str | None) -> str:
    """The encoding of a file by its first block; a block that is not the whole file is taken up to its last line."""
    if marked := by_mark(block):
        return marked
    if len(block) < PIECE_BYTES:
        return decode(block, name, encoding).encoding
    end = block.rfind(b"\n") + 1
    if b"\x00" in block:
        end += end % 2  # UTF-16: two bytes a line break, of which the other one is behind it or before.
    return decode(block[:end] or whole_characters(block, encoding), name, encoding).encoding


def _refuse_other_encoding(block: bytes, found: str, name: str, is_guess: bool) -> None:
    """Raise CorpusError for a block that a whole file would have been read by another encoding for."""
    lines = block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1]
    if found == "gb18030":
        refuse_lines_of_utf8(lines, name)
    if is_guess and not lines.isascii():
        try:
            lines.decode()
        except UnicodeDecodeError:
            return
        raise CorpusError(
            f"{name}: is UTF-8 beyond its first {PIECE_BYTES:,} bytes, and not {found}; leave --encoding out"
        )


def _misfit(error: UnicodeError, encoding: str, n_lines: int, name: str) -> CorpusError:
    place = ""
    if isinstance(error, UnicodeDecodeError):
        line = n_lines + error.object[: error.start].count(b"\n")
        place = f" (byte {error.object[error.start]:#04x} in line {line:,})"
    return CorpusError(
        f"{name}: cannot be read as {encoding}{place}; save it as UTF-8, or name the encoding that it was saved in"
    )
