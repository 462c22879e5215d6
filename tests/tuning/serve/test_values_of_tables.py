"""Numbers and odd values of a table reach the output as they are spelt, or are refused in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora import encoding
from distune.corpora.texts import CorpusError
from distune.models.checkpoint import save_checkpoint
from distune.models.predictor import Predictor
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_checkpoint(checkpoint_of(STUDENTS[0]), tmp_path / "student", "", Path(encoding.__file__))


def answered(folder: Path, source: Path, out: Path, **settings: Any) -> Path:
    predict_table(folder, InputSettings(paths=(str(source),)), AnswerSettings(**settings), str(out), 1)
    return out


def of_json(content: str, folder: Path, out: Path, name: str = "in.json") -> Path:
    source = folder.parent / name
    source.write_text(content, encoding="utf-8")
    return answered(folder, source, out)


def test_numbers_of_a_json_array_keep_their_digits_in_text(folder: Path, tmp_path: Path) -> None:
    content = '[{"text": "a", "n": 1e400, "e": [0.1234567890123456789, {"x": 1.10}]}, {"text": "b"}]'
    first, second = of_json(content, folder, tmp_path / "out.jsonl").read_text().splitlines()
    assert first.startswith('{"text": "a", "n": 1e400, "e": [0.1234567890123456789, {"x": 1.10}], "label": "')
    assert second.startswith('{"text": "b", "n": null, "e": null, "label": "')
    _, row, _ = of_json(content, folder, tmp_path / "out.csv").read_text().splitlines()
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
