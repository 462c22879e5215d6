from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from distune.corpora.logits_export import write_logits_file
from distune.corpora.logits_file import read_logits_file
from distune.corpora.logits_filling import Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers
from distune.corpora.teacher_logits import CacheKey, TeacherLogits
from distune.corpora.texts import CorpusError
from tests.making.logits_files import LABELS, csv, parquet


def test_logits_of_a_csv_are_joined_by_text(tmp_path: Path) -> None:
    file = read_logits_file(csv(tmp_path, "text,logit_good,logit_bad", "好,2,1", "差,3,4"), LABELS)
    np.testing.assert_array_equal(file.of(["差", "好"]).logits, [[4, 3], [1, 2]])


def test_probabilities_become_their_logarithm(tmp_path: Path) -> None:
    file = read_logits_file(parquet(tmp_path, text=["好", "差"], probabilities=[[0.25, 0.75], [1.0, 0.0]]), LABELS)
    # ln 0.25 = -1.386294, ln 0.75 = -0.287682; 0 is taken as 1e-7, ln 1e-7 = -16.118096
    np.testing.assert_allclose(file.of(["好", "差"]).logits, [[-1.386294, -0.287682], [0, -16.118096]], rtol=1e-5)


def test_texts_without_logits_are_named(tmp_path: Path) -> None:
    file = read_logits_file(csv(tmp_path, "text,logit_bad,logit_good", "好,1,2"), LABELS)
    with pytest.raises(CorpusError, match=r"lacks 2 of 3 texts of the corpus: '差', '中'$"):
        file.of(["好", "差", "中"])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["text,logit_bad", "好,1"], "has logit_bad, but the corpus' labels ask for logit_bad, logit_good"),
        (["text,logit_0,logit_1,logit_2", "好,1,2,3"], "has logit_0, logit_1, logit_2, but"),
        (["text,label", "好,1"], "no logits: needs a list column"),
        (
            ["text,probability_bad,probability_good", "好,0.5,0.6"],
            r"add up to 1, but line 2 adds up to 1\.100; divide each row by its sum if they are rounded or percentages; call the columns logits",
        ),
        (
            ["text,probability_bad,probability_good", "好,0.5,0.5", "差,-0.5,1.5"],
            "add up to 1, but line 3 has -0.5; call the columns logits or logit_LABEL if they are logits or logarithms",
        ),
        (["text,logit_bad,logit_good", "差,1,2", "好,1,nan"], "1 row is not finite numbers, first line 3"),
        (
            ["text,logit_bad,logit_good", "好,1,2", "好,1,5"],
            r"different logits, in line 2 and line 3 \(they differ by 3\)",
        ),
        # Two rows without a text stand before it.
        (
            ["text,logit_bad,logit_good", ",1,2", ",1,2", "好,1,x"],
            "column logit_good, line 4: must be a number, but is 'x'",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_logits_file(csv(tmp_path, *lines), LABELS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0.25, 0.75], [1.0, 0.0]], 2),
        ([[0.25, 0.74], [0.99, 0.02]], 2),  # Rounded.
        ([[0.25, 0.75], [0.5, 0.5], [2.0, -1.0]], 2),  # As where two programs wrote parts of a file.
        ([[1.0, 0.0], [0.0, 1.0]], 0),
        ([[0.25, 0.75], [2.0, -1.0]], 0),
        ([[0.25, 0.75]], 0),
        ([[0.25, 0.75], [0.5, 0.5], *[[2.0, -1.0]] * 19], 0),  # 2 of 21 are less than a tenth.
        ([[0.25, 0.73], [0.5, 0.48]], 0),
    ],
)
def test_rows_of_logits_that_add_up_to_one_may_be_probabilities(
    tmp_path: Path, rows: list[list[float]], expected: int
) -> None:
    file = read_logits_file(parquet(tmp_path, text=[f"t{n}" for n in range(len(rows))], logits=rows), LABELS)
    assert file.n_like_probabilities == expected


def test_a_list_with_the_wrong_number_of_classes_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["好", "差"], logits=[[1.0, 2.0], [1.0, 2.0, 3.0]])
    with pytest.raises(CorpusError, match="must have 2 classes in each row, as the corpus has, but row 2 has 3"):
        read_logits_file(path, LABELS)


def test_an_exported_cache_reads_back_with_what_it_says_of_its_teacher(tmp_path: Path) -> None:
    texts = ["好", "差", "中"]
    values = np.array([[1.5, -1.5], [0.25, 4], [0, 0]], np.float32)
    source = Source(lambda: lambda batch: TeacherAnswers(values[: len(batch)]), {})
    cache = fill_cache(Place(str(tmp_path)), CacheKey("t", "c", LABELS), texts, source)
    path = tmp_path / "out" / "logits.parquet"
    write_logits_file(path, cache, texts, {"description": "a rule"})
    file = read_logits_file(path, LABELS)
    np.testing.assert_array_equal(file.of(texts).logits, values)
    assert file.about["description"] == "a rule"
    assert file.columns.assumed == ""
    turned = read_logits_file(path, ("good", "bad"))
    np.testing.assert_array_equal(turned.of(texts).logits, values[:, ::-1])
    with pytest.raises(
        CorpusError, match="columns are named bad, good, but the labels of the corpus are good, worse: only 1 of 2"
    ):
        read_logits_file(path, ("good", "worse"))


def test_a_list_without_names_is_taken_in_the_order_of_the_labels_which_is_said(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["好", "差"], logits=[[1.0, 2.0], [4.0, 3.0]])
    file = read_logits_file(path, LABELS)
    assert file.columns.assumed == "its columns have no names; taken in the order of the labels: bad, good"
    turned = read_logits_file(path, LABELS, said=["good", "bad"])
    np.testing.assert_array_equal(turned.of(["好", "差"]).logits, [[2, 1], [3, 4]])
    assert turned.columns.assumed == "its columns are taken as teacher.labels says: good, bad"
    assert turned.fingerprint() != file.fingerprint()
    with pytest.raises(
        CorpusError, match=r"must hold each label of the corpus once \(bad, good\), but got good, so-so"
    ):
        read_logits_file(path, LABELS, said=["good", "so-so"])


def test_a_struct_has_names_like_columns(tmp_path: Path) -> None:
    rows = [{"good": 0.25, "bad": 0.75}, {"good": 0.5, "bad": 0.5}]
    file = read_logits_file(parquet(tmp_path, text=["好", "差"], probabilities=rows), LABELS)
    np.testing.assert_allclose(np.exp(file.of(["好"]).logits), [[0.75, 0.25]], rtol=1e-6)


def test_numbered_columns_are_taken_in_the_order_of_the_labels_and_whole_numbers_as_themselves(tmp_path: Path) -> None:
    file = read_logits_file(csv(tmp_path, "text,logit_0,logit_1", "好,1,2"), LABELS)
    assert "have no names; taken in the order of the labels: bad, good" in file.columns.assumed
    header = ",".join(["text", *(f"logit_{number}" for number in sorted(range(12), key=str))])
    path = csv(tmp_path, header, "好," + ",".join(sorted(map(str, range(12)))))
    file = read_logits_file(path, [str(number) for number in range(12)])
    np.testing.assert_array_equal(file.of(["好"]).logits, [range(12)])


def test_two_kinds_of_logits_in_one_file_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["好"], logits=[[1.0, 2.0]], logit_bad=[1.0], logit_good=[2.0])
    with pytest.raises(
        CorpusError, match="has a column logits and columns logit_bad, logit_good; leave one of the two out"
    ):
        read_logits_file(path, LABELS)


def cache_of(tmp_path: Path, texts: Sequence[str], values: NDArray[np.float32]) -> TeacherLogits:
    """A cache of texts of falling length, with these logits."""
    source = Source(lambda: lambda batch: TeacherAnswers(values), {})
    return fill_cache(Place(str(tmp_path)), CacheKey("t", "c", LABELS), texts, source)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[1.5, -1.5], [0.25, 4.0]], "float16"),
        ([[1.5, -1.5], [70_000.5, 70_001.0]], "float32"),  # inf in float16
        ([[1.5, -1.5], [3000.5, 3001.0]], "float32"),  # 3000 and 3000 in float16
        ([[1.5, -1.5], [-3e38, 1e-3]], "float32"),
    ],
)
def test_an_export_is_in_the_type_that_changes_no_logit_much(
    tmp_path: Path, values: list[list[float]], dtype: str
) -> None:
    logits = np.array(values, np.float32)
    path = tmp_path / "logits.parquet"
    assert write_logits_file(path, cache_of(tmp_path, ["很好", "差"], logits), ["很好", "差"], {}) == dtype
    np.testing.assert_array_equal(read_logits_file(path, LABELS).of(["很好", "差"]).logits, logits)


def test_an_export_in_float16_keeps_the_class_of_every_text(tmp_path: Path) -> None:
    texts = [f"text {n:04}" for n in range(3000)]
    logits = np.random.default_rng(1).normal(0, 3, (3000, 1)) + np.random.default_rng(2).normal(0, 1e-3, (3000, 2))
    logits = logits.astype(np.float32)
    path = tmp_path / "logits.parquet"
    assert write_logits_file(path, cache_of(tmp_path, texts, logits), texts, {}) == "float16"
    assert (logits.astype(np.float16).argmax(axis=1) != logits.argmax(axis=1)).any()
    found = read_logits_file(path, LABELS).of(texts).logits
    assert (found.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_the_exported_logits_of_the_example_are_read() -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "reviews-teacher.parquet"
    file = read_logits_file(path, json.loads(pyarrow.parquet.read_schema(path).metadata[b"distune"])["labels"])
    assert len(file.rows) > 1000
    assert np.isfinite(file.logits).all()


def test_logits_beyond_float32_are_refused(tmp_path: Path) -> None:
    for columns in ({"logits": [[1e39, 0.0]]}, {"logit_bad": [1e39], "logit_good": [0.0]}):
        with pytest.raises(CorpusError, match=r"must be within ±3\.40282e\+38 to be kept in float32, but got 1e\+39"):
            read_logits_file(parquet(tmp_path, text=["好"], **columns), LABELS)


def test_logits_that_differ_only_in_float64_keep_their_class(tmp_path: Path) -> None:
    # Both are 16,777,216 in float32, whose first class would be the answer.
    for columns in ({"logits": [[16777216.0, 16777217.0]]}, {"logit_bad": [16777216.0], "logit_good": [16777217.0]}):
        file = read_logits_file(parquet(tmp_path, text=["好"], **columns), LABELS)
        assert file.of(["好"]).logits.argmax() == 1
    path = parquet(tmp_path, text=["好"], probabilities=[[0.4999999999, 0.5000000001]])
    assert read_logits_file(path, LABELS).of(["好"]).logits.argmax() == 1


def test_rows_with_a_probability_of_zero_are_counted(tmp_path: Path) -> None:
    votes = [[0.25, 0.75], [1.0, 0.0], [1e-9, 1.0], [1e-6, 0.999999]]
    file = read_logits_file(parquet(tmp_path, text=["a", "b", "c", "d"], probabilities=votes), LABELS)
    assert file.n_floored == 2
    assert read_logits_file(parquet(tmp_path, text=["a"], logits=[[-16.0, 1.0]]), LABELS).n_floored == 0


@pytest.mark.parametrize("column", ["logits", "probabilities"])
def test_a_file_without_rows_lacks_every_text(tmp_path: Path, column: str) -> None:
    lists = pa.list_(pa.float32())
    empty = {"text": pa.array([], pa.string()), column: pa.array([], lists), "hidden": pa.array([], lists)}
    for path in (csv(tmp_path, f"text,{column},hidden"), parquet(tmp_path, **empty)):
        file = read_logits_file(path, LABELS)
        with pytest.raises(CorpusError, match="1 of 1 text of"):
            file.of(["好"])


def test_logits_and_probabilities_in_one_file_must_say_the_same(tmp_path: Path) -> None:
    header = "text,logit_bad,logit_good,probability_bad,probability_good"
    file = read_logits_file(csv(tmp_path, header, "好,1,3,0.12,0.88", "差,2,2.01,0.5,0.5"), LABELS)
    assert file.logits.tolist() == [[1, 3], [2, np.float32(2.01)]]
    assert file.notes == ("it has logits and probabilities; the logits are taken",)
    with pytest.raises(CorpusError, match="contradict each other, first in line 3"):
        read_logits_file(csv(tmp_path, header, "好,1,3,0.12,0.88", "差,2,1,0.3,0.7"), LABELS)
