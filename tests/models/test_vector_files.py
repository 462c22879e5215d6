"""Files of word vectors as people have them: read right, or refused in a line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from distune.models.errors import ModelError
from distune.models.vectors.config import FileVectorsConfig
from distune.models.vectors.vector_files import FoundVectors, as_token, read_vector_file
from distune.models.vectors.word_vectors import build_vectors

ROWS = "好 1 2 3\n书 4 5 6\n酒店 7 8 9\n"
WANTED = ("好", "书", "nba", ",", "new york", "don't")


def file_of(place: Path, content: str | bytes, name: str = "v.txt") -> Path:
    path = place / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(place: Path, content: str | bytes, name: str = "v.txt") -> FoundVectors:
    return read_vector_file(file_of(place, content, name), WANTED)


def lists(found: FoundVectors) -> dict[str, list[float]]:
    return {word: vector.tolist() for word, vector in found.vectors.items()}


def binary(rows: dict[bytes, list[float]], header: str, after: bytes = b"") -> bytes:
    return header.encode() + b"".join(
        word + b" " + np.array(row, "<f4").tobytes() + after for word, row in rows.items()
    )


GOOD = {"好": [1.0, 2.0, 3.0], "书": [4.0, 5.0, 6.0]}


@pytest.mark.parametrize(
    "content",
    [
        f"3 3\n{ROWS}",
        ROWS,  # GloVe's files have no header.
        f"3 3 \n{ROWS}".replace("\n", " \n"),  # The sgns files end their lines with a space.
        f"3 3\n{ROWS}".replace(" ", "\t"),
        f"3\t3\n{ROWS}".replace(" ", "  "),
        f"3 3\n{ROWS}".replace("\n", "\r\n"),
        f"\ufeff3 3\n{ROWS}",
        f"\ufeff{ROWS}",
        f"3 3\n{ROWS}\n\n",
        f"3 3\n{ROWS}".removesuffix("\n"),
        f"3 3\n{ROWS}".replace("1 2 3", "1.0e0 +2 0.3E+1"),
    ],
)
def test_text_is_read_however_its_lines_are_written(content: str, tmp_path: Path) -> None:
    found = read(tmp_path, content)
    assert (found.dimension, lists(found), found.notes) == (3, GOOD, ())


def test_words_are_looked_up_as_they_are_spelt_and_normalised(tmp_path: Path) -> None:
    rows = "ＮＢＡ 1 1\nNBA 2 2\n， 3 3\nDon\u2019t 4 4\n书 5 5\n"
    found = read(tmp_path, rows)
    # The first of two other spellings counts, as frequent words come first.
    assert lists(found) == {"nba": [1, 1], ",": [3, 3], "don't": [4, 4], "书": [5, 5]}
    assert found.n_respelt == 3
    found = read(tmp_path, rows + "nba 6 6\n, 7 7\n")
    assert lists(found) == {"nba": [6, 6], ",": [7, 7], "don't": [4, 4], "书": [5, 5]}  # One's own spelling wins.
    assert found.n_respelt == 1
    assert as_token("ＮＢＡ\u2019Ｓ") == "nba's"


@pytest.mark.parametrize(("said", "notes"), [(2, 1), (9, 1), (3, 0)])
def test_a_header_whose_count_is_wrong_is_said_and_all_rows_are_read(said: int, notes: int, tmp_path: Path) -> None:
    expected = (f"its header says {said} rows, but it has 3; all of them are read",)[:notes]
    found = read(tmp_path, f"{said} 3\n书 4 5 6\n酒店 7 8 9\n好 1 2 3\n")
    assert (lists(found), found.notes) == (GOOD, expected)
    rows = {"书".encode(): [4.0, 5, 6], b"x": [7.0, 8, 9], "好".encode(): [1.0, 2, 3]}
    found = read(tmp_path, binary(rows, f"{said} 3\n"), "v.bin")
    assert (lists(found), found.notes) == (GOOD, expected)


def test_the_first_row_of_a_word_counts(tmp_path: Path) -> None:
    found = read(tmp_path, f"6 3\n{ROWS}好 0 0 0\n好 9 9 9\n酒店 0 0 0\n")
    assert lists(found) == GOOD
    assert found.notes == ("2 rows repeat a word of the vocabulary, whose first row counts",)


def test_words_may_hold_spaces_and_be_spaces(tmp_path: Path) -> None:
    # As Tencent's file has them; the sgns files have words that are wide and narrow spaces.
    rows = "New York 1 2 3\niPhone 7 1 1 1\n\u3000 2 2 2\n\u00a0 3 3 3\n  4 4 4\n\u2028 5 5 5\n好 1 2 3\n"
    found = read(tmp_path, f"7 3\n{rows}")
    assert lists(found) == {"new york": [1, 2, 3], "好": [1, 2, 3]}
    assert found.notes == ("1 row with white space for a word left out",)
    assert "\u3000" in read_vector_file(tmp_path / "v.txt", ["\u3000"]).vectors


@pytest.mark.parametrize("bad", ["nan", "-nan", "inf", "-Infinity", "-nan(ind)", "1.#QNAN", "1e39"])
def test_rows_with_nan_or_infinity_are_left_out(bad: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"4 3\nnba 1 {bad} 3\n{ROWS}")
    assert (lists(found), found.notes) == (GOOD, ("1 row with NaN or infinity left out",))


def test_a_row_of_nan_leaves_every_other_vector_finite(tmp_path: Path) -> None:
    vocabulary = ("[PAD]", "[UNK]", "好", "书", "坏", "酒店")
    for name, content in {
        "v.txt": f"4 3\n坏 nan nan nan\n{ROWS}".encode(),
        "v.bin": binary({"坏".encode(): [np.nan] * 3, "好".encode(): [1.0, 2, 3]}, "2 3\n"),
    }.items():
        config = FileVectorsConfig(path=file_of(tmp_path, content, name), dimension=3)
        found = build_vectors(config, vocabulary, [], 1)
        assert np.isfinite(found.matrix).all()
        assert found.matrix[2].tolist() == [1, 2, 3]
        assert np.abs(found.matrix[4]).sum() > 0
        assert found.notes == ("1 row with NaN or infinity left out",)
    keyed = KeyedVectors(3)
    keyed.add_vectors(["坏", "好"], np.array([[np.nan] * 3, [1, 2, 3]], np.float32))
    keyed.save(str(tmp_path / "v.kv"))
    found = build_vectors(FileVectorsConfig(path=tmp_path / "v.kv", dimension=3), vocabulary, [], 1)
    assert np.isfinite(found.matrix).all()


def test_unknown_words_have_the_spread_of_very_large_vectors(tmp_path: Path) -> None:
    path = file_of(tmp_path, "好 3e37 -3e37\n书 -3e37 3e37\n")
    found = build_vectors(FileVectorsConfig(path=path, dimension=2), ("[PAD]", "[UNK]", "好", "书"), [], 1)
    assert np.isfinite(found.matrix).all()


def test_words_that_are_no_utf8_are_left_out_where_they_are_few(tmp_path: Path) -> None:
    rows = b"".join(b"word%d 1 2\n" % i for i in range(20))
    found = read(tmp_path, rows + b"caf\xe9 1 2\n" + "好 3 4\n".encode())
    assert (lists(found), found.notes) == ({"好": [3, 4]}, ("1 of 22 words left out, as not UTF-8",))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_unpacked(pack: object, tmp_path: Path) -> None:
    assert callable(pack)
    assert lists(read(tmp_path, pack(f"3 3\n{ROWS}".encode()), "v.txt.packed")) == GOOD
    content = binary({"好".encode(): [1.0, 2, 3]}, "1 3\n")
    assert lists(read(tmp_path, pack(content), "v.bin")) == {"好": [1, 2, 3]}


def test_the_content_tells_the_format_and_not_the_name(tmp_path: Path) -> None:
    assert lists(read(tmp_path, f"3 3\n{ROWS}", "text.bin")) == GOOD
    rows = {"好".encode(): [1.0, 2, 3], "书".encode(): [4.0, 5, 6]}
    assert lists(read(tmp_path, binary(rows, "2 3\n"), "binary.txt")) == GOOD
    assert lists(read(tmp_path, binary(rows, "2 3\n", b"\n"), "of_google.bin")) == GOOD  # A line end after each row.
    assert lists(read(tmp_path, f"3 3\n{ROWS}", "text.kv")) == GOOD


def test_binary_rows_that_lie_across_blocks_are_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = {f"w{i}".encode(): rng.normal(size=300).tolist() for i in range(2000)}  # 2.4 MB.
    path = file_of(tmp_path, binary(rows, "2000 300\n"), "v.bin")
    found = read_vector_file(path, [word.decode() for word in rows])
    assert len(found.vectors) == 2000
    for word, row in rows.items():
        np.testing.assert_array_equal(found.vectors[word.decode()], np.array(row, np.float32))


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "white space": ("\n \n", "is empty"),
    "a header alone": ("3 3\n", "has no vectors: it ends after its header, '3 3'"),
    "words alone": ("好\n书\n", "a line must be a word and its numbers with spaces or tabs between them, but got '书'"),
    "commas": ("好,1,2\n书,3,4\n", "a line must be a word and its numbers"),
    "a decimal comma": (
        "2 2\n好 0,5 1\n书 1 1\n",
        "line 2: '0,5' is no number, where one with a decimal point must stand",
    ),
    "an underscore": (
        "2 2\n好 1_0 1\n书 1 1\n",
        "line 2: '1_0' is no number, where one with a decimal point must stand",
    ),
    "another dimension": (f"3 4\n{ROWS}", "its header says dimension 4, but most of its lines have 3 numbers"),
    "a short line": ("好 1 2 3\n书 4 5\n酒店 7 8 9\n", "line 2: must be a word and 3 numbers .* but got '书 4 5'"),
    "cut off": ("好 1 2 3\n书 4 5 6\n酒店 7 8", "was cut off: its last line has 2 numbers instead of 3"),
    "cut off in a number": (f"9 3\n{ROWS}"[:-1], "was cut off: it has 3 of the 9 rows that its header says"),
    "GBK": ("好 1 2\n书 3 4\n".encode("gbk"), "2 of its first 2 words are not UTF-8; save it in UTF-8"),
    "UTF-16": ("好 1 2\n".encode("utf-16"), "is in UTF-16: save it in UTF-8"),
    "NaN alone": ("好 nan 1\n书 nan 1\n", "has no vectors: each of its rows \\(2\\) holds NaN or infinity"),
    "fastText's model": (b"\xba\x16\x4f\x2f\x0c\0\0\0" * 9, "fastText's own format: name the `.vec` file"),
    "zip": (b"PK\x03\x04" + bytes(30), "is a zip archive: unpack it"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(30), "is packed by zstd: unpack it with `zstd -d`"),
    "fastText's model, packed": (
        gzip.compress(b"\xba\x16\x4f\x2f\x0c\0\0\0" * 9),
        "fastText's own format: name the `.vec` file",
    ),
    "gensim's vectors, packed": (
        gzip.compress(pickle.dumps({"vectors": [1.0]})),
        r"is a packed pickle, as gensim's KeyedVectors are: unpack it, and put the `\.npy` files",
    ),
    "UTF-16, packed": (bz2.compress("好 1 2\n".encode("utf-16")), "is in UTF-16: save it in UTF-8"),
    "half of a gzip": (gzip.compress(ROWS.encode() * 99)[:60], "cannot be read: .*end-of-stream marker"),
    "no numbers": (bytes(range(256)) * 9, "is not text, and not word2vec's binary format"),
    "half of a binary": (
        binary({b"a": [1.5, 2.25, 3]}, "1 3\n")[:-1],
        "was cut off: there is no whole row in its last 13 bytes",
    ),
    "rows without end": (
        binary({b"a": [1.5, 2.25, 3]}, f"{'9' * 5000} 3\n"),
        "line 2: .* is no number, where one with a decimal point must stand",
    ),
    "rows of text without end": (f"{'9' * 5000} 3\n{ROWS}", "line 1: must be a word and 3 numbers"),
    "a dimension beyond memory": (
        binary({b"a": [1.5, 2.25, 3]}, "1 4294967295\n"),
        r"its header says dimension 4,294,967,295, and .* at most 65,536 numbers",
    ),
    "a dimension beyond an index": (
        binary({b"a": [1.5, 2.25, 3]}, "1 999999999999999999\n"),
        "its header says dimension 999,999,999,999,999,999",
    ),
    "another binary": (
        binary({b"a%d" % i: [1.5 + i, -2.25, 3.1, i] for i in range(99)}, "99 3\n"),
        "UTF-8|cut off|no end",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_vectors_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(ModelError, match=reason) as raised:
        read(tmp_path, content)
    assert "\n" not in str(raised.value)
    assert "v.txt" in str(raised.value)
