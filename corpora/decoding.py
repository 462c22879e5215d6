"""From the bytes of a text file to its characters: compression and encoding, found beyond doubt or refused."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from distune.corpora.texts import CorpusError

UTF8_MARK, UTF16_MARKS = codecs.BOM_UTF8, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
MAGICS = {
    b"\x1f\x8b": "is compressed by gzip; its name must end in .gz",
    b"BZh": "is compressed by bzip2; its name must end in .bz2",
    b"\xfd7zXZ\x00": "is compressed by xz; its name must end in .xz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; its name must end in .zst",
    b"PK\x03\x04": "is an Excel workbook or a zip archive; save it as CSV in UTF-8, or unpack it",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; save it as CSV in UTF-8",
    b"PAR1": "is a Parquet file; its name must end in .parquet",
    b"ARROW1": "is an Arrow file; write it as Parquet",
}
"""How files of other kinds begin, and what to do with them."""
FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
)
"""Characters that make up a sixth to two fifths of Chinese text, and at most a fiftieth of another encoding that is misread."""
FREQUENT_SHARE = 0.08
"""The smallest share of `FREQUENT` among the characters beyond ASCII that leaves no doubt that a file is Chinese."""
FEWEST_CHARACTERS = 20
CJK = re.compile("[\u3000-\u9fff\uff00-\uffef]")
"""Chinese characters and their punctuation: three bytes each in UTF-8, which two bytes of GB18030 hardly ever look like."""


@dataclass(frozen=True)
class Decoded:
    """The characters of a file, and the name of the encoding that they were read by."""

    text: str
    encoding: str


def zstd_stream(source: BinaryIO) -> Any:
    """An open file of zstd, unpacked as it is read."""
    try:
        import pyarrow as pa  # `distune predict` reads other texts where it is not installed.
    except ModuleNotFoundError as error:
        raise CorpusError("what is packed by zstd needs the package pyarrow; unpack it with `zstd -d`") from error
    return pa.CompressedInputStream(source, "zstd")


def _by_zstd(content: bytes) -> bytes:
    return bytes(zstd_stream(BytesIO(content)).read())


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _by_zstd,
}


def decompress(content: bytes, ending: str, name: str) -> bytes:
    """The content of a file whose name ends in one of `COMPRESSIONS`; raises CorpusError for a damaged one."""
    try:
        return COMPRESSIONS[ending](content)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise CorpusError(f"{name}: cannot be decompressed as {ending[1:]}: {error}") from error


def decode(content: bytes, name: str, encoding: str | None = None) -> Decoded:
    """The characters of a text file, by its byte-order mark, as UTF-8, or as UTF-16 or GB18030 if that is beyond doubt.

    A file that says by a mark that it is UTF-8 or UTF-16, or that is valid UTF-8 beyond ASCII, is read so whatever
    `encoding` is: files of two encodings may be in one study. Raises CorpusError for a file that cannot be told.
    """
    for magic, advice in MAGICS.items():
        if content.startswith(magic):
            raise CorpusError(f"{name} {advice}")
    marked = by_mark(content)
    if marked is not None:
        return Decoded(_strictly(content, marked, name), marked)
    if encoding is not None:
        is_utf8 = not content.isascii() and _decoded(content, "utf-8") is not None
        chosen = "utf-8" if is_utf8 else encoding
        return Decoded(_strictly(content, chosen, name), codecs.lookup(chosen).name)
    if b"\x00" in content:
        return _without_mark_in_utf16(content, name)
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        fault = _fault(content, error)
    text = _decoded(content, "gb18030")
    if text is not None and _is_chinese(text):
        refuse_lines_of_utf8(content, name)
        return Decoded(text, "gb18030")
    raise CorpusError(
        f"{name}: is not UTF-8 ({fault}); say by `encoding:` in which encoding it was saved (such as gb18030, big5 or cp1252), or "
        "save it as UTF-8"
    )


def whole_characters(beginning: bytes, encoding: str | None = None) -> bytes:
    """The beginning of a text without the bytes of a character that goes on behind it.

    The text is in UTF-8, or else in `encoding`, by default GB18030.
    """
    for one in ("utf-8", encoding or "gb18030"):
        decoder = codecs.getincrementaldecoder(one)()
        try:
            decoder.decode(beginning)
        except UnicodeDecodeError:
            continue
        return beginning.removesuffix(decoder.getstate()[0])
    return beginning


def by_mark(content: bytes) -> str | None:
    """The encoding that the first bytes of a file name, None if they name none."""
    if content.startswith(UTF8_MARK):
        return "utf-8-sig"
    if content.startswith(UTF32_MARKS):
        return "utf-32"
    return "utf-16" if content.startswith(UTF16_MARKS) else None


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _strictly(content: bytes, encoding: str, name: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        raise CorpusError(
            f"{name}: cannot be read as {encoding} ({_fault(content, error)}); set `encoding:` to the one that the file "
            "was saved in, or save it as UTF-8"
        ) from error


def _without_mark_in_utf16(content: bytes, name: str) -> Decoded:
    """Text has no NUL: half of the bytes of ASCII in UTF-16 are. The byte order is the one that gives line breaks."""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = _decoded(content, encoding)
        if text is not None and "\x00" not in text and ("\n" in text or "\r" in text):
            return Decoded(text, encoding)
    place = content.index(b"\x00")
    raise CorpusError(f"{name}: holds a NUL byte at {place}, which no text has; it is no text file, or it is damaged")


def _is_chinese(text: str) -> bool:
    beyond_ascii = [character for character in text if character > "\x7f"]
    n_frequent = sum(character in FREQUENT for character in beyond_ascii)
    return len(beyond_ascii) >= FEWEST_CHARACTERS and n_frequent >= FREQUENT_SHARE * len(beyond_ascii)


def refuse_lines_of_utf8(content: bytes, name: str) -> None:
    """Raise CorpusError for a line of Chinese in UTF-8 in a file of GB18030, for example if two files were put
    together."""
    for number, line in enumerate(content.split(b"\n"), start=1):
        text = None if line.isascii() else _decoded(line, "utf-8")
        if text is not None and len(CJK.findall(text)) > 1:
            raise CorpusError(
                f"{name}: is in GB18030, but line {number} is in UTF-8 ({text.strip()[:20]!r}), as where files of two encodings were put "
                "together; save each of them as UTF-8"
            )


def _fault(content: bytes, error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError) or error.start >= len(error.object):
        return str(error)
    # In UTF-16 the byte of a line feed is half of other characters too, such as 上.
    before = error.object[: error.start].decode(error.encoding, "replace")
    line = before.count("\n" if "\n" in before else "\r") + 1
    return f"byte {error.object[error.start]:#04x} in line {line}"
