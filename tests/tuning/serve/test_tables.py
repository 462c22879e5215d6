"""Tables in, the same tables with answers out: every format, every kind of student, any number of processes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.encoding import load_encoder
from distune.corpora.texts import CorpusError
from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.folders_of_sets import LABELS, folder_of_sets
from tests.making.pairs import pair_checkpoint
from tests.making.tables import answered, read

TEXTS = ["好书", "差酒店\n还有", 'a"b', "", "好，书", "xyz"]
NUMBERS = [1, 2, 3, 4, 5, 6]


def write(path: Path, texts: list[str] = TEXTS, n_times: int = 1) -> Path:
    rows = [{"id": n, "text": text, "n": n / 4} for n, text in enumerate(texts * n_times)]
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text", "n"], delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def in_short(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("out", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_becomes_every_other_with_the_answers_of_the_student(
    source: str, out: str, folder: Path, tmp_path: Path
) -> None:
    table = write(tmp_path / f"in.{source}", n_times=20)
    found = read(answered(folder, table, tmp_path / f"out.{out}", proba=True, top=1))
    expected = list(Predictor(folder, load_encoder(folder)).answers(TEXTS))
    assert len(found) == 120
    for place, row in enumerate(found):
        answer, is_missing = expected[place % 6], source in ("csv", "tsv") and place % 6 == 3
        probabilities = answer["probabilities"]
        label = answer["label"]  # type: ignore[typeddict-item]
        values = [
            label,
            label,
            probabilities[label],
            probabilities["bad"],
            probabilities["good"],
            answer["has_known_token"],
        ]
        names = ["label", "top_1", "top_1_probability", "probability_bad", "probability_good", "has_known_token"]
        assert list(row) == ["id", "text", "n", *names]
        assert [in_short(row[name]) for name in ("id", "n")] == [str(place), str(place / 4)]
        assert row["text"] == TEXTS[place % 6]
        assert [in_short(row[name]) for name in names] == ["" if is_missing else in_short(value) for value in values]


def test_types_and_metadata_of_parquet_are_carried_on(folder: Path, tmp_path: Path) -> None:
    features = {"text": {"dtype": "string", "_type": "Value"}, "kind": {"names": ["x", "y"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("kind", pa.int64()), ("text", pa.string()), ("when", pa.timestamp("us")), ("list", pa.list_(pa.int8()))],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    rows = [{"kind": 1, "text": "好", "when": 5, "list": [1]}, {"kind": 0, "text": None, "when": None, "list": None}]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "in.parquet")
    answered(folder, tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert [str(kind) for kind in found.schema.types] == [
        *("int64", "string", "timestamp[us]", "list<element: int8>", "string", "bool"),
    ]
    assert found.column("label").to_pylist()[1] is None
    assert found.column("has_known_token").to_pylist() == [True, None]
    known = json.loads(found.schema.metadata[b"huggingface"])["info"]["features"]
    assert known["kind"]["names"] == ["x", "y"]
    assert known["label"] == {"dtype": "string", "_type": "Value"}


def test_json_lines_stay_as_they_are_spelt(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"text":"好", "n": 1.50, "big": 12345678901234567890123}\n{ }\n{"text": NaN}  \n'
    )
    answered(folder, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    first, second, third = (tmp_path / "out.jsonl").read_text().splitlines()
    assert first.startswith('{"text":"好", "n": 1.50, "big": 12345678901234567890123, "label": "')
    assert second == '{"label": null, "has_known_token": null}'
    assert third == '{"text": NaN, "label": null, "has_known_token": null}'


def test_a_student_of_several_labels_answers_lists(folder: Path, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(STUDENTS[0], LABELS)
    of_sets = folder_of_sets(checkpoint, TEXTS, tmp_path / "sets")
    expected = [answer["labels"] for answer in Predictor(of_sets, load_encoder(of_sets)).answers(TEXTS)]  # type: ignore[typeddict-item]
    table = write(tmp_path / "in.parquet")
    assert [row["labels"] for row in read(answered(of_sets, table, tmp_path / "out.parquet"))] == expected
    by_csv = [row["labels"] for row in read(answered(of_sets, table, tmp_path / "out.csv"))]
    assert [json.loads(cell) for cell in by_csv] == expected


def test_a_student_of_pairs_takes_two_columns_and_answers_no_half_pair(tmp_path: Path) -> None:
    folder = save_student(pair_checkpoint(), tmp_path / "student")
    (tmp_path / "in.csv").write_text("one,text_b\n好书,差\n好,\n店,好店书\n", encoding="utf-8")
    found = read(answered(folder, tmp_path / "in.csv", tmp_path / "out.csv", text="one"))
    expected = Predictor(folder, load_encoder(folder)).answers([("好书", "差"), ("店", "好店书")])
    one, two = [answer["label"] for answer in expected]  # type: ignore[typeddict-item]
    assert [row["label"] for row in found] == [one, "", two]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_two_processes_answer_to_the_byte_what_one_answers(kind: str, folder: Path, tmp_path: Path) -> None:
    table = write(tmp_path / f"in.{kind}", n_times=40)
    one = answered(folder, table, tmp_path / f"one.{kind}", proba=True)
    two = answered(folder, table, tmp_path / f"two.{kind}", n_workers=2, proba=True)
    assert one.read_bytes() == two.read_bytes()


def test_several_files_of_a_folder_are_one_table(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/b.csv", ["好"])
    write(tmp_path / "in/a.csv", ["差", "书"])
    (tmp_path / "in/c.csv").touch()
    assert [row["text"] for row in read(answered(folder, tmp_path / "in", tmp_path / "out.csv"))] == ["差", "书", "好"]
    (tmp_path / "in/c.csv").write_text("text,id,n\n好,1,2\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"c\.csv has the columns text, id, n, but .*a\.csv has id, text, n"):
        answered(folder, tmp_path / "in", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        ("text,label\n好,1\n", {}, "has a column 'label' already, as the answers have"),
        ("body,n\n好,1\n", {}, "no column 'text'; its columns are body, n"),
        ("body,n\n好,1\n", {}, "name the one with the texts by --text COLUMN"),
        ("text\n好\n", {"text_b": "text"}, "answers single texts and no pairs"),
        ("text\n好\n", {"top": 3}, "--top must be from 1 to the number of labels, 2, but got 3"),
        ("text,n\n好,1\n好\n", {}, "1 of 3 rows have another number of columns"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_leaves_nothing(
    content: str, settings: dict[str, Any], said: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(content, encoding="utf-8")
    (tmp_path / "results").mkdir()
    with pytest.raises((CorpusError, CheckpointError)) as error:
        answered(folder, tmp_path / "in.csv", tmp_path / "results/out.csv", **settings)
    assert said in str(error.value)
    assert list((tmp_path / "results").iterdir()) == []


def test_the_input_is_never_written_over_and_a_prefix_makes_room(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("text,label\n好,1\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is where the input is"):
        answered(folder, table, table, prefix="p_")
    (tmp_path / "out.csv").write_text("of an earlier run", encoding="utf-8")
    (row,) = read(answered(folder, table, tmp_path / "out.csv", prefix="p_"))
    assert list(row) == ["text", "label", "p_label", "p_has_known_token"]


def test_values_of_several_types_in_one_column_are_no_parquet(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a", "n": 1}\n{"text": "b", "n": "x"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="holds values that no one type of Parquet does"):
        answered(folder, tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert len(read(answered(folder, tmp_path / "in.jsonl", tmp_path / "out.csv"))) == 2


def test_the_threshold_decides_here_too(tmp_path: Path) -> None:
    from distune.models.decision import Decision

    checkpoint = replace(checkpoint_of(STUDENTS[0]), decision=Decision(1, 0.0))
    folder = save_student(checkpoint, tmp_path / "student")
    found = read(answered(folder, write(tmp_path / "in.parquet"), tmp_path / "out.parquet"))
    assert [row["label"] for row in found] == ["good"] * 6
