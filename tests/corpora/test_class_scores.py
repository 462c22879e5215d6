"""Numbers of a teacher as pipelines and other programs write them: matched by the names that stand in them or beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.logits_file import LogitsFile, read_logits_file
from distune.corpora.texts import CorpusError

LABELS = ("neg", "pos")
SURE = [[0.1, 0.9], [0.8, 0.2]]
"""Of the texts `good` and `bad`, in the order of the labels."""


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def said(file: LogitsFile, texts: Sequence[str] = ("good", "bad")) -> list[list[float]]:
    return [[round(float(one), 4) for one in row] for row in np.exp(file.of(texts).logits)]


ZERO_SHOT = [
    {"text": "good", "labels": ["pos", "neg"], "probabilities": [0.9, 0.1]},
    {"text": "bad", "labels": ["neg", "pos"], "probabilities": [0.8, 0.2]},
]


@pytest.mark.parametrize("beside", ["labels", "classes", "categories"])
def test_sorted_scores_are_matched_by_the_names_beside_them(tmp_path: Path, beside: str) -> None:
    rows = [{"text": row["text"], beside: row["labels"], "probabilities": row["probabilities"]} for row in ZERO_SHOT]
    file = read_logits_file(jsonl(tmp_path, *rows), LABELS)
    assert said(file) == SURE
    assert file.notes == (f"the numbers of probabilities are matched by the names in {beside}, row by row",)
    assert file.columns.by_name


def test_names_beside_scores_are_read_from_parquet_and_csv_too(tmp_path: Path) -> None:
    frame = pd.DataFrame(ZERO_SHOT)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.map(lambda cell: np.array(cell) if isinstance(cell, list) else cell).to_csv(tmp_path / "b.csv", index=False)
    assert "[0.9 0.1]" in (tmp_path / "b.csv").read_text()
    for name in ("a.parquet", "a.csv", "b.csv"):
        assert said(read_logits_file(tmp_path / name, LABELS)) == SURE


def test_a_row_whose_names_are_not_those_of_its_numbers_is_refused(tmp_path: Path) -> None:
    odd = {"text": "so", "labels": ["pos"], "probabilities": [0.9, 0.1]}
    with pytest.raises(
        CorpusError, match=r"labels has the names of the numbers in probabilities, but line 3 has \['pos'\]"
    ):
        read_logits_file(jsonl(tmp_path, *ZERO_SHOT, odd), LABELS)
    other = {"text": "so", "labels": ["pos", "so-so"], "probabilities": [0.9, 0.1]}
    with pytest.raises(CorpusError, match="line 3: must have a value for each of pos, neg"):
        read_logits_file(jsonl(tmp_path, *ZERO_SHOT, other), LABELS)


@pytest.mark.parametrize("labels", [["pos"], "pos", None, []])
def test_the_classes_of_the_texts_are_no_names_of_the_numbers(tmp_path: Path, labels: Any) -> None:
    rows = [{"text": "good", "labels": labels, "probabilities": SURE[0]}]
    file = read_logits_file(jsonl(tmp_path, *rows, {"text": "bad", "probabilities": SURE[1]}), LABELS)
    assert said(file) == SURE
    assert file.notes == ()


def test_ones_at_the_class_of_a_text_are_not_taken_for_names(tmp_path: Path) -> None:
    rows = [
        {"text": "good", "labels": [0, 1], "probabilities": SURE[0]},
        {"text": "bad", "labels": [1, 0], "probabilities": SURE[1]},
    ]
    with pytest.raises(CorpusError, match="may have the names of the numbers in probabilities, or a 1 at the class"):
        read_logits_file(jsonl(tmp_path, *rows), ("0", "1"))


@pytest.mark.parametrize(("order", "classes"), [("descending", 2), ("descending", 3), ("ascending", 3)])
def test_sorted_numbers_without_names_are_refused(tmp_path: Path, order: str, classes: int) -> None:
    values = np.sort(np.random.default_rng(0).normal(size=(20, classes)), axis=1)
    rows = [
        {"text": f"t{n}", "logits": (row[::-1] if order == "descending" else row).tolist()}
        for n, row in enumerate(values)
    ]
    names = [str(n) for n in range(classes)]
    with pytest.raises(CorpusError, match=f"the numbers of all 20 rows are in {order} order") as caught:
        read_logits_file(jsonl(tmp_path, *rows), names)
    assert "\n" not in str(caught.value)
    read_logits_file(jsonl(tmp_path, *rows[:19]), names)
    by_name = [{**row, "logits": dict(zip(names, row["logits"], strict=True))} for row in rows]
    named = [
        {f"logit_c{name}": value for name, value in row["logits"].items()} | {"text": row["text"]} for row in by_name
    ]
    read_logits_file(jsonl(tmp_path, *named), [f"c{name}" for name in names])


def test_the_answers_of_a_pipeline_are_taken_by_their_labels_in_a_list_of_one_too(tmp_path: Path) -> None:
    rows = [
        {"text": "good", "probabilities": [[{"label": "pos", "score": 0.9}, {"label": "neg", "score": 0.1}]]},
        {"text": "bad", "probabilities": [[{"label": "neg", "score": 0.8}, {"label": "pos", "score": 0.2}]]},
    ]
    assert said(read_logits_file(jsonl(tmp_path, *rows), LABELS)) == SURE
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    assert said(read_logits_file(tmp_path / "a.csv", LABELS)) == SURE
    numbers = [{"text": "good", "probabilities": [SURE[0]]}, {"text": "bad", "probabilities": [SURE[1]]}]
    assert said(read_logits_file(jsonl(tmp_path, *numbers), LABELS)) == SURE


def test_numbers_of_numpy_in_lists_of_a_csv_are_read(tmp_path: Path) -> None:
    rows = [
        {"text": text, "probabilities": list(map(np.float64, row))}
        for text, row in zip(("good", "bad"), SURE, strict=True)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    assert "np.float64(0.1)" in (tmp_path / "a.csv").read_text()
    assert said(read_logits_file(tmp_path / "a.csv", LABELS)) == SURE


def test_a_map_of_parquet_has_names(tmp_path: Path) -> None:
    maps = pa.array([[("pos", 0.9), ("neg", 0.1)], [("neg", 0.8), ("pos", 0.2)]], pa.map_(pa.string(), pa.float64()))
    pyarrow.parquet.write_table(pa.table({"text": ["good", "bad"], "probabilities": maps}), tmp_path / "a.parquet")
    assert said(read_logits_file(tmp_path / "a.parquet", LABELS)) == SURE


TOKEN = {"token": " pos", "logprob": -0.1, "bytes": [112]}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (TOKEN, r"line 1: has log-probabilities of the tokens .* \(token, logprob, bytes\), not of the classes"),
        ([TOKEN, TOKEN], "line 1: has log-probabilities of the tokens"),
        ({"label": "pos", "score": 0.9}, r"line 1: has the score of one class alone .* with top_k=None$"),
        ([{"label": "pos", "score": 0.9}], "line 1: has the score of one class alone"),
        ([{"label": "pos", "score": 0.9}, {"label": "pos", "score": 0.1}], "line 1: a label occurs twice"),
    ],
)
def test_what_is_not_said_of_every_class_is_refused_in_one_line(tmp_path: Path, cell: Any, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_logits_file(jsonl(tmp_path, {"text": "good", "logits": cell}), LABELS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            "neg,pos",
            "its columns neg, pos are named as the classes: call them probability_neg, probability_pos, or logit_neg",
        ),
        ("prob_pos,prob_neg", "its columns prob_neg, prob_pos are named as the classes"),
        ("score_neg,score_pos", "its columns score_neg, score_pos are named"),
        ("P_NEG,p_pos", "its columns P_NEG, p_pos are named"),
        ("neg_prob,pos_prob", "its columns neg_prob, pos_prob are named"),
        ("neg,other", "its columns are text, neg, other$"),
    ],
)
def test_columns_that_are_named_as_the_classes_are_said_by_their_right_names(
    tmp_path: Path, columns: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,{columns}\ngood,0.1,0.9\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_logits_file(path, LABELS)


def test_a_column_of_lists_of_another_name_is_named(tmp_path: Path) -> None:
    rows = [{"text": "good", "labels": ["pos", "neg"], "scores": [0.9, 0.1]}]
    with pytest.raises(
        CorpusError, match="its column scores has numbers for each class: call it probabilities, or logits"
    ):
        read_logits_file(jsonl(tmp_path, *rows), LABELS)


def test_rows_without_a_text_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,logit_neg,logit_pos\ngood,1,2\n,3,4\n ,5,nan\n", encoding="utf-8")
    file = read_logits_file(path, LABELS)
    assert file.notes == ("2 rows without a text left out",)
    np.testing.assert_array_equal(file.logits, [[1, 2]])
    path.write_text("text,logit_neg,logit_pos\n,3,4\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"the column text is empty throughout \(1 row\)"):
        read_logits_file(path, LABELS)
