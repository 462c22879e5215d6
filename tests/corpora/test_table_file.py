from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.sources import read_source
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError
from tests.making.buckets import bucket


def read(path: Path, content: str | bytes = b"", **settings: Any) -> Table:
    if content:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(TableConfig(path=str(path), **settings), ("text", "label"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na,1\n"),
        ("A.CSV", "text,label\na,1\n"),
        ("a.tsv", "text\tlabel\na\t1\n"),
        ("a.b.jsonl", '{"text": "a", "label": "1"}\n'),
        ("a.json", '[{"text": "a", "label": "1"}]'),
        ("a.csv.gz", gzip.compress(b"text,label\na,1\n")),
        ("a.tsv.zst", bytes(pa.compress(b"text\tlabel\na\t1\n", codec="zstd", asbytes=True))),
        ("a.jsonl.gz", gzip.compress(b'{"text": "a", "label": "1"}\n')),
        ("a.csv", "text,label\na,1\n".encode("utf-16")),
    ],
)
def test_one_reader_reads_every_format(tmp_path: Path, name: str, content: str | bytes) -> None:
    table = read(tmp_path / name, content)
    assert (table.column("text"), table.column("label"), table.n_rows) == (["a"], ["1"], 1)


def test_a_file_is_read_by_its_uri(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,1\n", encoding="utf-8")
    table = read_table(TableConfig(path=(tmp_path / "a.csv").as_uri()))
    assert table.column("text") == ["a"]


def test_a_file_is_read_from_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as (client, options):
        client.put_object(Bucket="bucket", Key="folder/a.csv.gz", Body=gzip.compress(b"text,label\na,1\n"))
        assert read_table(TableConfig(path=f"s3://bucket/folder/a.csv.gz{options}")).column("text") == ["a"]
        with pytest.raises(CorpusError, match=r"no such file: s3://bucket/folder/b\.csv"):
            read_table(TableConfig(path=f"s3://bucket/folder/b.csv{options}"))
        client.put_object(Bucket="bucket", Key="folder/b.csv", Body=b"text,label\nb,0\n")
        several = read_source(TableConfig(path=f"s3://bucket/fol*/*.csv*{options}"), ("text", "label"))
        assert several.column("text") == ["a", "b"]
        assert several.rows[1] == f"line 2 of s3://bucket/folder/b.csv{options}"
        assert read_source(TableConfig(path=f"s3://bucket/folder{options}")).n_rows == 2
        with pytest.raises(
            CorpusError, match=r"no file matches this pattern; s3://bucket/folder\?.* holds a\.csv\.gz, b\.csv$"
        ):
            read_source(TableConfig(path=f"s3://bucket/folder/c*{options}"))


def test_nested_columns_are_reached_by_a_path(tmp_path: Path) -> None:
    records = [
        {"data": {"text": "a"}, "annotations": [{"result": [{"value": {"choices": ["pos"]}}]}]},
        {"data": None, "annotations": []},
    ]
    table = read(tmp_path / "a.json", json.dumps(records))
    assert table.column("data.text") == ["a", None]
    assert table.column("annotations.0.result.0.value.choices") == [["pos"], None]
    with pytest.raises(CorpusError, match=r"no column 'text'; its columns are data\.text, annotations$"):
        table.column("text")
    assert table.column("annotations.²") == [None, None]
    pyarrow.parquet.write_table(pa.table({"data": [{"text": "a"}]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").column("data.text") == ["a"]


def test_a_file_without_a_header_is_told_from_one_with_other_columns(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"no column 'text'; its columns are 好, 1; a file without a header .* `columns: \[\.\.\.\]`"
    ):
        read(tmp_path / "a.csv", "好,1\n差,0\n").column("text")


def test_names_of_classes_come_from_hugging_faces_features(tmp_path: Path) -> None:
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    table = pa.table({"text": ["a"], "label": [1]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").class_names == {"label": ("neg", "pos")}


@pytest.mark.parametrize("metadata", ["no json", "{}", '{"info": []}', '{"info": {"features": 3}}'])
def test_features_that_say_nothing_name_no_classes(tmp_path: Path, metadata: str) -> None:
    pyarrow.parquet.write_table(
        pa.table({"text": ["a"]}).replace_schema_metadata({"huggingface": metadata}), tmp_path / "a.parquet"
    )
    assert read(tmp_path / "a.parquet").class_names == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "\n \n", "the file is empty"),
        ("a.parquet", "no parquet", "cannot be read as Parquet"),
        ("a.xlsx", "PK", "workbooks are not read; save the sheet as CSV in UTF-8"),
        ("a.doc", "x", r"the ending of its name must give the format, one of \.csv, \.tsv"),
        ("a", "x", r"the ending of its name must give the format, one of \.csv, \.tsv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path / name, content)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(CorpusError, match="is a folder; name the file in it"):
        read(tmp_path / "a.csv")
    with pytest.raises(CorpusError, match=r"no such file: .*b\.csv"):
        read(tmp_path / "b.csv")
