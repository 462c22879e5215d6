"""A file read by blocks holds what it holds read as a whole, or is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora import streamed
from distune.corpora.block_files import block_files
from distune.corpora.table_config import TableConfig
from distune.corpora.texts import CorpusError
from tests.making.blocks import Columns, as_a_whole, by_blocks, small_pieces
from tests.making.foreign_writers import LABELS, PIECES, WRITERS, Texts

__all__ = ["small_pieces"]


def or_refused(read: Callable[[Path], Columns], path: Path) -> Columns | None:
    try:
        return read(path)
    except CorpusError:
        return None


def odd_tables(n: int, most_rows: int) -> list[Texts]:
    draw = random.Random(7)
    return [
        [
            ("".join(draw.choices(PIECES, k=draw.randint(0, 6))), draw.choice(LABELS))
            for _ in range(draw.randint(1, most_rows))
        ]
        for _ in range(n)
    ]


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_one_block_is_read_or_refused_as_a_whole_file_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{kind.rsplit(maxsplit=1)[-1]}"
    for rows in odd_tables(25, 6):
        WRITERS[kind](rows, path)
        assert or_refused(by_blocks, path) == or_refused(as_a_whole, path)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kind", WRITERS)
def test_blocks_of_a_few_rows_never_hold_anything_else(kind: str, tmp_path: Path) -> None:
    path, n_read = tmp_path / f"a{kind.rsplit(maxsplit=1)[-1]}", 0
    for rows in odd_tables(15, 30):
        WRITERS[kind](rows, path)
        found, expected = or_refused(by_blocks, path), or_refused(as_a_whole, path)
        n_read += found is not None
        assert found is None or expected is None or found == expected
    assert n_read > 7


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["", ".gz", ".bz2", ".xz"])
def test_blocks_are_unpacked_and_decoded(
    encoding: str,
    pack: Callable[[bytes], bytes],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streamed, "PIECE_BYTES", 512)  # With less it cannot be told that a text is Chinese.
    ending = request.node.callspec.id.split("-")[0]
    path = tmp_path / f"a.csv{ending}"
    texts = [f'第{n}次来这家酒店，服务是"好"的\n早餐也不错' for n in range(40)]
    lines = "".join('"{}",1\n'.format(text.replace('"', '""')) for text in texts)
    path.write_bytes(pack(f"text,label\n{lines}".encode(encoding)))
    assert by_blocks(path) == {"text": texts, "label": ["1"] * 40}


@pytest.mark.usefixtures("small_pieces")
def test_a_block_knows_its_lines_and_the_separator_that_the_first_line_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\n" + "text;n\n" + "".join(f"a, {n};{n}\n" for n in range(50)), encoding="utf-8")
    assert by_blocks(path)["text"] == [f"a, {n}" for n in range(50)]
    (file,), _ = block_files(TableConfig(path=str(path)), ("text",))
    *_, last = file.blocks()
    rows = last.read().table
    assert rows.rows[rows.n_rows - 1] == "line 52"


@pytest.mark.usefixtures("small_pieces")
def test_a_file_without_a_header_is_given_its_names(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"好 {n}\t{n}\n" for n in range(50)), encoding="utf-8")
    assert by_blocks(path, columns=("text", "n"))["n"] == [str(n) for n in range(50)]


@pytest.mark.usefixtures("small_pieces")
def test_marks_that_mean_one_thing_first_and_another_later_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    quoted = "".join(f'"one\t{n}"\t1\n' for n in range(20))
    bare = "".join(f'12" and {n} and 14"\t1\n' for n in range(20))
    path.write_text(f"text\tlabel\n{quoted}{bare}", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"around cells, as CSV has them at the beginning and as characters of their"):
        by_blocks(path)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"text,n\n" + b"good,1\n" * 40 + b"b\xff,1\n", "cannot be read as utf-8 (byte 0xff in line 42)"),
        ("a.csv", b"text,n\n" + b"good,1\n" * 40 + b"a,b,c\n", "1 of "),
        ("a.jsonl", b'{"text": "a"}\n' * 40 + b"{", "line 41 cannot be read as JSON"),
        ("a.csv", b"text,text,n\na,b,c\n", "has two columns 'text'"),
        ("a.csv", b"text,n,n\na,b,c\n", "has two columns 'n', and each is carried on"),
        ("a.csv.gz", b"text\na\n", "cannot be decompressed as gz"),
        ("a.csv", gzip.compress(b"text\na\n"), "its name must end in .gz"),
        ("a.csv", b"\n \n", "the file is empty"),
        ("a.xlsx", b"PK", "workbooks are not read"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError) as error:
        by_blocks(tmp_path / name)
    assert said in str(error.value)


@pytest.mark.usefixtures("small_pieces")
def test_an_encoding_that_is_given_is_not_taken_where_the_file_is_utf8_further_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\n" + b"good\n" * 40 + "café\n".encode())
    with pytest.raises(CorpusError, match="is UTF-8 beyond its first 64 bytes, and not cp1252"):
        by_blocks(path, encoding="cp1252")
    path.write_bytes(b"text\n" + b"good\n" * 40 + "café\n".encode("cp1252"))
    assert by_blocks(path, encoding="cp1252")["text"][-1] == "café"


def test_parquet_comes_in_batches_of_its_own_types(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", None, "b"], "n": pa.array([1, 2, 3], pa.int8())})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    (file,), _ = block_files(TableConfig(path=str(tmp_path / "a.parquet")), ("text",))
    batches = [block.read().batch for block in file.blocks()]
    assert pa.Table.from_batches(batches).equals(table)
