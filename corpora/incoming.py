"""Lines as they come in, from a file or a pipe: unpacked and in UTF-8 whatever they were packed and encoded in."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from distune.corpora.decoding import by_mark, decode, whole_characters, zstd_stream
from distune.corpora.texts import CorpusError

BLOCK_BYTES = 65_536
DAMAGED = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)

UNPACKERS: dict[bytes, Callable[[BufferedReader[Any]], Any]] = {
    b"\x1f\x8b": lambda source: gzip.GzipFile(fileobj=source),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": zstd_stream,
}
"""The bytes with which a packed file begins."""


class Utf8:
    """Bytes of UTF-8, as `read1` of an open file gives them; `first` is the beginning.

    The first block decides: UTF-16 and UTF-32 by their mark or their NUL bytes, GB18030 if it is Chinese beyond doubt,
    as in `distune.corpora.decoding`. Everything else passes unchanged. Raises CorpusError for what is no text.
    """

    def __init__(self, source: BufferedReader[Any], name: str) -> None:
        self._name = name
        unpack = next((one for magic, one in UNPACKERS.items() if source.peek(8).startswith(magic)), None)
        self._source = source if unpack is None else BufferedReader(unpack(source), BLOCK_BYTES)
        try:
            block = self._source.peek(BLOCK_BYTES)
        except DAMAGED as error:
            raise self._damage(error) from error
        encoding = _encoding(block, name)
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        self.first = codecs.getincrementaldecoder(encoding)().decode(block).encode() if encoding else block

    def read1(self, size: int, /) -> bytes:
        """The bytes that have arrived, b"" at the end."""
        try:
            while True:
                block = self._source.read1(size)
                if self._decoder is None:
                    return block
                text = self._decoder.decode(block, not block)
                if text or not block:
                    return text.encode()
        except DAMAGED as error:
            raise self._damage(error) from error

    def _damage(self, error: Exception) -> CorpusError:
        return CorpusError(f"{self._name}: cannot be read to its end: {str(error).strip().split(chr(10))[0]}")


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file in UTF-8, whatever it is packed and encoded in. Raises OSError and CorpusError, as `Utf8` does."""
    with path.open("rb") as file:
        source, begun = Utf8(file, str(path)), b""
        while block := source.read1(BLOCK_BYTES):
            *whole, begun = (begun + block).split(b"\n")
            yield from whole
    if begun:
        yield begun


def _encoding(block: bytes, name: str) -> str | None:
    """The encoding of a block, None for UTF-8 and for an unknown one; the error then names the line."""
    if marked := by_mark(block):
        return None if marked == "utf-8-sig" else marked
    last = block.rfind(b"\n") + 1
    if b"\x00" in block:
        last += last % 2  # UTF-16: two bytes a line break, of which the other one is behind it or before.
    try:
        found = decode(block[:last] or whole_characters(block), name).encoding
    except CorpusError as error:
        if " is not UTF-8 (" in str(error):
            return None
        raise
    return None if found == "utf-8" else found
