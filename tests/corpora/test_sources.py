from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError


def parquet(path: Path, texts: Sequence[Any], labels: Sequence[Any], names: Sequence[str] = ()) -> None:
    table = pa.table({"text": texts, "label": labels})
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, path)


def test_several_files_are_read_as_one_and_it_is_said_how_many(tmp_path: Path) -> None:
    parquet(tmp_path / "a-1.parquet", ["a", "b"], [1.0, None])
    parquet(tmp_path / "a-0.parquet", ["c"], [0])
    (tmp_path / "a-2.parquet.txt").write_text("no part", encoding="utf-8")
    pattern, notes = str(tmp_path / "a-*.parquet"), list[str]()
    config = FileConfig(path=pattern)
    with pytest.raises(
        CorpusError, match=r"a-\*\.parquet: 1 row has no 'label', such as row 2 of .*/a-1\.parquet, 'b'"
    ):
        read_rows(config)
    parquet(tmp_path / "a-1.parquet", ["a", "b"], [1.0, 0.0])
    # 1.0 of one file and 0 of another are whole numbers of one column.
    assert read_rows(config, notes=notes) == [Row("c", "0"), Row("a", "1"), Row("b", "0")]
    assert notes == [
        f"{pattern}: 2 files, 3 rows of Parquet ({tmp_path}/a-0.parquet to {tmp_path}/a-1.parquet)",
    ]


def test_what_is_said_of_one_of_several_files_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"a, b",1\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,label\nc,0\n", encoding="utf-8")
    files, notes = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], list[str]()
    assert read_rows(FileConfig(path=files), notes=notes) == [Row("a, b", "1"), Row("c", "0")]
    assert notes == [
        f"{files[0]}, {files[1]}: 2 files, 2 rows ({files[0]} to {files[1]})",
        f"  {files[0]}: 1 row of 2 lines, quotation marks around cells, as CSV has them",
        f"  {files[1]}: 1 row of 2 lines",
    ]


def test_files_without_a_header_are_each_given_their_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\t1\nb\t0\nc\t1\nd\t0\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text("text\tlabel\ne\t1\n", encoding="utf-8")
    config = FileConfig(path=str(tmp_path / "?.tsv"), columns=("text", "label"))
    assert len(read_rows(config)) == 5  # The second begins with the names of the columns.
    (tmp_path / "b.tsv").write_text("satz\twert\ne\t1\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"b\.tsv: its first row, with the text 'satz' and the label 'wert', looks"):
        read_rows(config)


def test_annotators_answers_in_one_of_several_files_count(tmp_path: Path) -> None:
    records = [{"text": "a", "label": "x", "answer": "accept"}, {"text": "b", "label": "y", "answer": "reject"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "c", "label": "y"}\n', encoding="utf-8")
    assert read_rows(FileConfig(path=str(tmp_path / "*.jsonl"))) == [Row("a", "x"), Row("c", "y")]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"text": ["b"], "y": [1]}, r"2\.parquet: no column 'label'; its columns are text, y$"),
        (
            {"text": ["b"], "label": ["pos"]},
            r"2\.parquet: its column 'label' has strings, but that of .*1\.parquet has numbers; the files of one source",
        ),
        (
            {"text": [5], "label": [1]},
            r"2\.parquet: its column 'text' has numbers, but that of .*1\.parquet has strings",
        ),
        ({"text": [["b"]], "label": [1]}, r"2\.parquet: its column 'text' has values of the type list, but"),
        ({"text": ["b"], "label": [[1, 2]]}, r"2\.parquet: its column 'label' has values of the type list, but"),
    ],
)
def test_a_file_with_other_columns_than_the_first_is_named(
    tmp_path: Path, second: dict[str, list[Any]], message: str
) -> None:
    parquet(tmp_path / "1.parquet", ["a"], [0])
    pyarrow.parquet.write_table(pa.table(second), tmp_path / "2.parquet")
    with pytest.raises(CorpusError, match=message):
        read_rows(FileConfig(path=str(tmp_path / "*.parquet")))


def test_a_part_without_a_value_in_a_column_fits_any_other(tmp_path: Path) -> None:
    parquet(tmp_path / "1.parquet", ["a"], ["x"])
    parquet(tmp_path / "2.parquet", [None], [None])
    parquet(tmp_path / "3.parquet", [None], [float("nan")])
    assert read_rows(FileConfig(path=str(tmp_path / "*.parquet"))) == [Row("a", "x")]


def test_class_numbers_with_other_names_in_one_of_the_files_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "1.parquet", ["a"], [0], ["neg", "pos"])
    parquet(tmp_path / "2.parquet", ["b"], [1], ["neg", "pos"])
    config = FileConfig(path=str(tmp_path / "*.parquet"))
    assert read_rows(config) == [Row("a", "neg"), Row("b", "pos")]
    parquet(tmp_path / "2.parquet", ["b"], [1], ["pos", "neg"])
    with pytest.raises(
        CorpusError, match=r"2\.parquet: names the classes of its column 'label' pos, neg, but .* neg, pos;"
    ):
        read_rows(config)
    parquet(tmp_path / "2.parquet", ["b"], [1])
    with pytest.raises(CorpusError, match=r"2\.parquet: names the classes of its column 'label' nothing, but"):
        read_rows(config)


def test_a_corpus_is_the_same_in_one_file_and_in_several(tmp_path: Path) -> None:
    texts, labels = [f"text {i}" for i in range(100)], [str(i % 2) for i in range(100)]
    parquet(tmp_path / "all.parquet", texts, labels)
    for part in range(4):
        parquet(tmp_path / f"part-{part}.parquet", texts[part::4], labels[part::4])
    parquet(tmp_path / "test-0.parquet", ["of test"], ["0"])
    settings = {"test": [str(tmp_path / "test-0.parquet")]}
    one = load_corpus(CorpusConfig.model_validate({"source": str(tmp_path / "all.parquet"), **settings}))
    several = load_corpus(CorpusConfig.model_validate({"source": str(tmp_path / "part-*.parquet"), **settings}))
    assert several.fingerprint == one.fingerprint
    assert several.answers_fingerprint == one.answers_fingerprint
    assert several.train.texts == one.train.texts


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "must name at least one file, but got an empty list"),
        ({"a": 1}, "must be the name of a file, or a list of such names"),
        (["a.csv", "ftp://host/a.csv"], "must be a path, or a URI that pyarrow opens"),
    ],
)
def test_names_of_files_that_cannot_be_meant_are_refused(source: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusConfig(source=source)
