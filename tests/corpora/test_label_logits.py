"""Files of logits and probabilities of a teacher that answers each label by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.logits_file import LogitsFile, read_logits_file
from distune.corpora.texts import CorpusError

LABELS = ("broken", "late", "price")
WORDS = ("一", "二", "三", "四")


def jsonl(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def rows_of(column: str, *values: object) -> list[dict[str, object]]:
    return [{"text": f"文{number}", column: value} for number, value in enumerate(values)]


def read(tmp_path: Path, *rows: dict[str, object]) -> LogitsFile:
    return read_logits_file(jsonl(tmp_path / "a.jsonl", *rows), LABELS, is_multi_label=True)


def test_each_probability_becomes_its_own_logit(tmp_path: Path) -> None:
    file = read(tmp_path, *rows_of("probabilities", [0.75, 0.5, 0.1], [0.2, 0.2, 0.99]))
    expected = [[np.log(3), 0.0, -np.log(9)], [-np.log(4), -np.log(4), np.log(99)]]
    np.testing.assert_allclose(file.of(["文0", "文1"]).logits, expected, atol=1e-6)
    assert (file.n_floored, file.n_like_probabilities, file.is_of_softmax) == (0, 0, False)


def test_a_probability_of_0_or_1_is_at_the_floor_or_its_opposite_and_counted(tmp_path: Path) -> None:
    file = read(tmp_path, *rows_of("probabilities", [0, 1, 0.5], [1e-9, 1 - 1e-9, 0.5], [0.5, 0.5, 1e-6]))
    np.testing.assert_allclose(file.logits[0], [-16.118096, 16.118096, 0.0], atol=1e-6)
    np.testing.assert_array_equal(file.logits[0], file.logits[1])
    assert file.logits[2, 2] == pytest.approx(np.log(1e-6 / (1 - 1e-6)), abs=1e-5)
    assert file.n_floored == 2
    found = 1 / (1 + np.exp(-file.logits[0]))
    assert found.dtype == np.float32
    assert 0 < found[0] < found[1] < 1


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(value: float, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, *rows_of("probabilities", [0.1, 0.2, 0.3], [0.1, value, 0.3]))
    assert str(caught.value) == (
        f"{tmp_path}/a.jsonl: probabilities must be from 0 to 1, one for each label by itself, but line 2 has {value}; call the columns "
        "logits or logit_LABEL if they are logits"
    )


def test_columns_of_a_probability_for_each_label_are_taken_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,probability_price,probability_late,probability_broken\n文,0.9,0.5,0.25\n", encoding="utf-8")
    file = read_logits_file(path, LABELS, is_multi_label=True)
    np.testing.assert_allclose(file.logits, [[-np.log(3), 0.0, np.log(9)]], atol=1e-6)


def test_the_sorted_scores_of_a_pipeline_are_taken_by_name(tmp_path: Path) -> None:
    scores = [
        [{"label": "late", "score": 0.9}, {"label": "broken", "score": 0.8}, {"label": "price", "score": 0.5}],
        [{"label": "price", "score": 0.75}, {"label": "late", "score": 0.5}, {"label": "broken", "score": 0.5}],
    ]
    file = read(tmp_path, *rows_of("probabilities", *scores))
    np.testing.assert_allclose(file.logits, [[np.log(4), np.log(9), 0.0], [0.0, 0.0, np.log(3)]], atol=1e-6)


@pytest.mark.parametrize("first", [[], [{"label": "late", "score": 0.9}]])
def test_the_scores_of_the_likeliest_labels_alone_are_refused(first: list[object], tmp_path: Path) -> None:
    both = [{"label": "late", "score": 0.9}, {"label": "broken", "score": 0.8}]
    with pytest.raises(CorpusError, match=r"line 1: .*top_k=None") as caught:
        read(tmp_path, *rows_of("probabilities", first, both))
    assert "\n" not in str(caught.value)
    with pytest.raises(CorpusError, match=r"line 2: .*the score of one class alone .*top_k=None"):
        read(tmp_path, *rows_of("probabilities", both, both[:1]))


def test_the_labels_of_the_texts_beside_are_no_names_of_the_numbers(tmp_path: Path) -> None:
    rows = rows_of("logits", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 1.0, 0.0])
    for labels in (
        [["late"], [], ["late", "price"]],
        [list(LABELS), list(LABELS), ["late"]],
        [[0, 1, 1], [0, 1, 0], [1, 0, 0]],
    ):
        file = read(tmp_path, *({**row, "labels": one} for row, one in zip(rows, labels, strict=True)))
        np.testing.assert_array_equal(file.logits, [[1, 2, 3], [3, 2, 1], [0, 1, 0]])
        assert not file.columns.by_name
    order = ["price", "late", "broken"]
    file = read(tmp_path, *({**row, "labels": order} for row in rows))
    np.testing.assert_array_equal(file.logits, [[3, 2, 1], [1, 2, 3], [0, 1, 0]])


def test_sorted_numbers_without_names_are_refused_and_named_columns_are_the_way_out(tmp_path: Path) -> None:
    values = [[3.0 + number, 2.0, 1.0 - number] for number in range(20)]
    with pytest.raises(
        CorpusError, match=r"in descending order.* if they are not sorted, name the columns, as logit_LABEL"
    ):
        read(tmp_path, *rows_of("logits", *values))
    named = [dict(zip(LABELS, one, strict=True)) for one in values]
    assert read(tmp_path, *rows_of("logits", *named)).columns.by_name


def test_logits_and_probabilities_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    both = {"text": "文", "logits": [2.0, -2.0, 0.1], "probabilities": [0.9, 0.2, 0.495]}
    file = read(tmp_path, both)
    np.testing.assert_allclose(file.logits, [[2.0, -2.0, 0.1]], atol=1e-6)
    assert file.notes == ("it has logits and probabilities; the logits are taken",)
    # 2 is rather there, and with 0.4 it is rather not, as the largest of a softmax may be.
    with pytest.raises(
        CorpusError, match=r"first in line 1: a label has the logit 2 and the probability 0.4; leave one"
    ):
        read(tmp_path, {**both, "probabilities": [0.4, 0.3, 0.3]})


def test_logits_between_0_and_1_may_be_probabilities(tmp_path: Path) -> None:
    assert read(tmp_path, *rows_of("logits", [0.1, 0.9, 0.8], [1.0, 0.0, 0.2])).n_like_probabilities
    assert not read(tmp_path, *rows_of("logits", [0.1, 0.9, 0.8], [1.5, 0.0, 0.2])).n_like_probabilities
    assert not read(tmp_path, *rows_of("logits", [0.1, 0.9, -0.8], [1.0, 0.0, 0.2])).n_like_probabilities
    assert not read(tmp_path, *rows_of("logits", [0.1, 0.9, 0.8])).n_like_probabilities


def test_rows_that_all_add_up_to_1_are_of_a_softmax(tmp_path: Path) -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
    assert read(tmp_path, *rows_of("probabilities", *shares.tolist())).is_of_softmax
    assert read(tmp_path, *rows_of("logits", *np.log(shares).tolist())).is_of_softmax
    assert not read(tmp_path, *rows_of("probabilities", *shares[:19].tolist())).is_of_softmax
    assert not read(tmp_path, *rows_of("probabilities", *shares[1:].tolist(), [0.3, 0.3, 0.3])).is_of_softmax
    assert not read(tmp_path, *rows_of("logits", *shares.tolist())).is_of_softmax


def test_an_export_of_the_other_task_is_refused(tmp_path: Path) -> None:
    def exported(**about: object) -> Path:
        metadata = {"distune": json.dumps({"labels": list(LABELS), **about})}
        table = pa.table({"text": ["文"], "logits": [[1.0, 2.0, 3.0]]}).replace_schema_metadata(metadata)
        pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    several = exported(corpus="0123", multi_label=True)
    assert read_logits_file(several, LABELS, is_multi_label=True).logits.tolist() == [[1.0, 2.0, 3.0]]
    with pytest.raises(
        CorpusError, match=r"answers several labels a text .* and the corpus has one; set corpus\.multi_label"
    ):
        read_logits_file(several, LABELS)
    one = exported(corpus="0123")
    assert read_logits_file(one, LABELS).logits.tolist() == [[1.0, 2.0, 3.0]]
    with pytest.raises(CorpusError, match=r"picks one class for each text .* and the corpus has several labels a text"):
        read_logits_file(one, LABELS, is_multi_label=True)
    assert read_logits_file(exported(), LABELS, is_multi_label=True).logits.tolist() == [[1.0, 2.0, 3.0]]
