"""Lines as they come in: packed or not, in whichever encoding."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from distune.corpora.incoming import BLOCK_BYTES, Utf8, lines_of
from distune.corpora.texts import CorpusError

TEXT = "这家酒店的服务不错，房间也很干净，下次还会来的\n\n好\n"


def read(content: bytes) -> bytes:
    source = Utf8(io.BufferedReader(io.BytesIO(content), BLOCK_BYTES), "a.txt")
    return b"".join(iter(lambda: source.read1(7), b""))


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_that_a_corpus_may_have_comes_as_utf8(encoding: str) -> None:
    assert read(TEXT.encode(encoding)).decode() == TEXT


def test_the_lines_of_a_file_are_whole_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(f"{'好' * BLOCK_BYTES}\n\nlast", encoding="utf-16")
    assert list(lines_of(path)) == [("好" * BLOCK_BYTES).encode(), b"", b"last"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_what_is_packed_is_unpacked(pack: Callable[[bytes], bytes], encoding: str) -> None:
    assert read(pack(TEXT.encode(encoding))).decode() == TEXT
    assert read(pack(TEXT.encode(encoding) * 5000)).decode() == TEXT * 5000


def test_a_pipe_gives_what_has_come() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", BLOCK_BYTES) as source, os.fdopen(writing, "wb", 0) as sink:
        sink.write("好".encode("utf-16") + "书\n".encode("utf-16-le")[:3])
        lines = Utf8(source, "stdin")
        assert lines.read1(BLOCK_BYTES).decode() == "好书"
        sink.write("书\n".encode("utf-16-le")[3:])
        assert lines.read1(BLOCK_BYTES) == b"\n"


def test_nothing_and_bytes_that_cannot_be_told_are_passed_on() -> None:
    assert read(b"") == b""
    assert read(b"caf\xe9\n") == b"caf\xe9\n"
    assert read("好".encode()[:2]) == "好".encode()[:2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(TEXT.encode() * 100)[:-30], r"^a\.txt: cannot be read to its end: Compressed file ended before"),
        (TEXT.encode("utf-16")[:-1], r"^a\.txt: cannot be read to its end: 'utf-16-le' codec can't decode byte"),
        (b"a\x00b\n", r"^a\.txt: holds a NUL byte at 1, which no text has"),
        (b"PK\x03\x04", r"^a\.txt is an Excel workbook or a zip archive"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(content)


def test_only_zstd_needs_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zstd(TEXT.encode())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read(gzip.compress(TEXT.encode())).decode() == TEXT
    with pytest.raises(CorpusError, match="what is packed by zstd needs the package pyarrow; unpack it with `zstd -d`"):
        read(packed)
