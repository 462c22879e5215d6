from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest

from distune.corpora.decoding import Decoded, decode, decompress
from distune.corpora.texts import CorpusError

CHINESE = "这家酒店的服务不错，房间也很干净。\n下次来的时候还会住在这里的\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk"])
def test_chinese_is_read_in_the_encodings_that_excel_saves(encoding: str) -> None:
    assert decode(CHINESE.encode(encoding), "a.csv").text == CHINESE


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_line_breaks(encoding: str) -> None:
    content = "text\tlabel\n好\t1\n".encode(encoding)
    assert decode(content, "a.tsv") == Decoded("text\tlabel\n好\t1\n", encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("café, naïve, garçon, größer, señor", "cp1252"),
        ("這間酒店環境和服務態度亦算不錯，但房間空間太小" * 3, "big5"),
        ("이 영화는 정말 재미있었습니다. 배우들의 연기도 훌륭하고" * 3, "euc_kr"),
        ("この映画は本当に面白かったです。俳優の演技も素晴らしく" * 3, "shift_jis"),
        ("Этот фильм был действительно интересным", "cp1251"),
        ("好,1", "gb18030"),
    ],
)
def test_what_is_not_beyond_doubt_is_refused_and_read_where_its_encoding_is_named(text: str, encoding: str) -> None:
    content = f"text,label\n{text}\n".encode(encoding)
    with pytest.raises(CorpusError, match=r"a\.csv: is not UTF-8 \(byte 0x.. in line 2\); say by `encoding:`"):
        decode(content, "a.csv")
    assert decode(content, "a.csv", encoding).text == f"text,label\n{text}\n"


def test_a_file_of_utf_8_is_read_so_beside_others_of_the_named_encoding() -> None:
    assert decode("好".encode(), "a.csv", "gb18030") == Decoded("好", "utf-8")
    assert decode("好".encode("utf-16"), "a.csv", "gb18030").text == "好"


def test_what_the_named_encoding_does_not_have_is_refused_with_its_line() -> None:
    with pytest.raises(CorpusError, match=r"cannot be read as gb18030 \(byte 0xff in line 2\); set `encoding:`"):
        decode(b"a\n\xff\xff\n", "a.csv", "gb18030")


def test_a_nul_in_a_text_is_refused() -> None:
    with pytest.raises(CorpusError, match="holds a NUL byte at 1, which no text has"):
        decode(b"a\x00b,1", "a.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a"), "is compressed by gzip; its name must end in .gz"),
        (b"PK\x03\x04", "is an Excel workbook or a zip archive; save it as CSV in UTF-8"),
        (b"PAR1", "is a Parquet file; its name must end in .parquet"),
    ],
)
def test_files_of_another_kind_are_told_by_how_they_begin(content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=f"a.csv {message}"):
        decode(content, "a.csv")


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


@pytest.mark.parametrize("ending", PACKERS)
def test_compressed_files_of_one_part_or_two_are_read(ending: str) -> None:
    pack = PACKERS[ending]
    assert decompress(pack(b"ab"), ending, "a") == b"ab"
    assert decompress(pack(b"ab") + pack(b"cd"), ending, "a") == b"abcd"


@pytest.mark.parametrize("ending", PACKERS)
def test_a_compressed_file_that_is_cut_short_or_is_none_is_refused(ending: str) -> None:
    for content in (PACKERS[ending](b"ab" * 1000)[:-3], b"text,label"):
        with pytest.raises(CorpusError, match=f"a: cannot be decompressed as {ending[1:]}"):
            decompress(content, ending, "a")


def test_a_line_of_utf8_in_a_file_of_gb18030_is_refused() -> None:
    chinese = "这家酒店的服务不错，房间也很干净，下次还会来的\n" * 2
    for line in ("我们在这里很", "a,我们在这里很好的"):
        with pytest.raises(CorpusError, match=r"a\.csv: is in GB18030, but line 3 is in UTF-8 \('.*我们在这里"):
            decode(chinese.encode("gb18030") + f"{line}\n".encode() + "好\n".encode("gb18030"), "a.csv")
    assert decode((chinese + "茅\n").encode("gb18030"), "a.csv").text == chinese + "茅\n"
