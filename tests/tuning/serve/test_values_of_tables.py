"""Numbers and odd values of a table reach the output as they are spelt, or are refused in one line."""

from __future__ import annotations

import gzip
import json
import math
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.texts import CorpusError
from distune.models.predictor import Predictor
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings


def answered(folder: Path, source: Path, out: Path, n_workers: int = 1) -> Path:
    predict_table(folder, InputSettings(paths=(str(source),)), AnswerSettings(), str(out), n_workers)
    return out


def of_json(content: str, folder: Path, out: Path, name: str = "in.json", n_workers: int = 1) -> Path:
    source = folder.parent / name
    source.write_text(content, encoding="utf-8")
    return answered(folder, source, out, n_workers)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_numbers_of_a_json_array_keep_their_digits_in_text(n_workers: int, folder: Path, tmp_path: Path) -> None:
    content = '[{"text": "a", "n": 1e400, "e": [0.1234567890123456789, {"x": 1.10}]}, {"text": "b"}]'
    first, second = of_json(content, folder, tmp_path / "out.jsonl", n_workers=n_workers).read_text().splitlines()
    assert first.startswith('{"text": "a", "n": 1e400, "e": [0.1234567890123456789, {"x": 1.10}], "label": "')
    assert second.startswith('{"text": "b", "n": null, "e": null, "label": "')
    _, row, _ = of_json(content, folder, tmp_path / "out.csv", n_workers=n_workers).read_text().splitlines()
    assert row.startswith('a,1e400,"[0.1234567890123456789, {""x"": 1.10}]",')


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv"])
def test_nan_becomes_null_at_any_depth(out: str, folder: Path, tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "e": [[1.5, math.nan]], "d": [{"x": [math.nan]}], "n": [math.nan]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    found = answered(folder, tmp_path / "in.parquet", tmp_path / out).read_text()
    if out == "out.jsonl":
        row = json.loads(found)
        assert (row["e"], row["d"], row["n"]) == ([1.5, None], {"x": [None]}, None)
    else:
        assert found.splitlines()[1].startswith('a,"[1.5, null]","{""x"": [null]}",,')


@pytest.mark.parametrize(("cell", "shown"), [(math.inf, "inf"), ([1.0, -math.inf], "-inf")])
def test_an_infinity_is_refused_by_its_row_and_column(cell: Any, shown: str, folder: Path, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "e": [None, cell]}), tmp_path / "in.parquet")
    with pytest.raises(CorpusError, match=f"the column 'e' holds {shown} in row 2, which JSON cannot spell"):
        answered(folder, tmp_path / "in.parquet", tmp_path / "out.jsonl")


def test_a_nul_character_is_no_csv(folder: Path, tmp_path: Path) -> None:
    content = '[{"text": "a", "n": "x"}, {"text": "b", "n": "x\\u0000y"}]'
    with pytest.raises(CorpusError, match=r"the column 'n' holds a NUL character in row 2, with which no CSV"):
        of_json(content, folder, tmp_path / "out.csv")
    assert of_json(content, folder, tmp_path / "out.jsonl").read_text().splitlines()[1].startswith('{"text": "b", "n"')


def test_parquet_says_which_digits_it_cuts(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = '[{"text": "a", "n": 1.10, "e": [0.5]}, {"text": "b", "n": 2.5, "e": [0.1234567890123456789]}]'
    out = of_json(content, folder, tmp_path / "out.parquet")
    said = capsys.readouterr().err
    assert (
        "the column 'e' has numbers of more digits than the float64 of Parquet keeps, such as 0.1234567890123" in said
    )
    assert "the column 'n'" not in said
    found = pyarrow.parquet.read_table(out)
    assert found.column("n").to_pylist() == [1.1, 2.5]
    assert found.column("e").to_pylist() == [[0.5], [0.12345678901234568]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"text": "a", "s": {}}, {"text": "b"}]', "the column 's' has objects without a key, which Parquet cannot"),
        ('{"text": "a", "s": [{}]}\n{"text": "b"}\n', "the column 's' has objects without a key, which Parquet cannot"),
        ('[{"text": "a"}, {"text": "b", "n": 1e400}]', "the column 'n' holds 1e400 in row 2, which is too large"),
    ],
)
def test_what_parquet_cannot_hold_is_refused_before_the_first_answer(
    content: str, said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "answered", None)
    name = "in.json" if content.startswith("[") else "in.jsonl"
    with pytest.raises(CorpusError, match=said) as error:
        of_json(content, folder, tmp_path / "out.parquet", name)
    assert str(error.value).endswith("; write JSON lines")


def test_one_row_of_json_lines_is_carried_on_as_several_are(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_text('{"text": "a", "n": 1.10}\n{"text": "b", "n": [2.50]}\n', encoding="utf-8")
    with gzip.open(tmp_path / "in/b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"text": "c", "n": [1.10]}')
    rows = answered(folder, tmp_path / "in", tmp_path / "out.jsonl").read_text().splitlines()
    begun = [row.partition(', "label"')[0] for row in rows]
    assert begun == ['{"text": "a", "n": 1.10', '{"text": "b", "n": [2.50]', '{"text": "c", "n": [1.10]']


def test_one_row_of_json_lines_has_nested_texts_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_text('{"data": {"text": "a"}}\n', encoding="utf-8")
    source = InputSettings(paths=(str(tmp_path / "in.ndjson"),), text="data.text")
    predict_table(folder, source, AnswerSettings(), str(tmp_path / "out.jsonl"), 1)
    assert (tmp_path / "out.jsonl").read_text().startswith('{"data": {"text": "a"}, "label": "')


def test_names_of_rows_are_left_out_with_a_note(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_json('{"text": {"r1": "a", "r2": "b"}}', folder, tmp_path / "out.csv")
    assert "the names of its rows, such as 'r1', 'r2', are left out" in capsys.readouterr().err
    of_json('{"text": {"0": "a", "1": "b"}}', folder, tmp_path / "out.csv")
    assert "the names of its rows" not in capsys.readouterr().err


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv", "out.parquet"])
def test_texts_in_bytes_are_written_in_the_words_that_were_read(
    out: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"text": ["好".encode(), None], "raw": [b"\xff", b""]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    found = answered(folder, tmp_path / "in.parquet", tmp_path / out)
    assert "texts: the column 'text'; 'text' holds bytes, which are read as UTF-8" in capsys.readouterr().err
    if out == "out.parquet":
        assert pyarrow.parquet.read_table(found)["text"].to_pylist() == ["好".encode(), None]
    else:
        first = found.read_text(encoding="utf-8").splitlines()[out == "out.csv"]
        assert first.startswith('{"text": "好", "raw": "/w==", ' if out == "out.jsonl" else "好,/w==,")


def test_a_uuid_is_written_by_its_digits(folder: Path, tmp_path: Path) -> None:
    one = uuid.UUID("6e9e7e74-91d6-4d66-8f1a-4626ee58d3ef")
    table = pa.table({"text": ["a"], "id": pa.array([one.bytes], pa.uuid())})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert json.loads(answered(folder, tmp_path / "in.parquet", tmp_path / "out.jsonl").read_text())["id"] == str(one)
    assert f"a,{one}," in answered(folder, tmp_path / "in.parquet", tmp_path / "out.csv").read_text()


def test_an_index_that_pandas_keeps_in_the_metadata_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"text": ["a", "b"]}, index=pd.RangeIndex(7, 9, name="id"))
    frame.to_parquet(tmp_path / "in.parquet")
    answered(folder, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert (
        "  its index 'id' is no column: pandas keeps a range of numbers in the metadata alone"
        in capsys.readouterr().err
    )
    frame.to_parquet(tmp_path / "in.parquet", index=True)
    answered(folder, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert "is no column" not in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text().startswith("text,id,label")
