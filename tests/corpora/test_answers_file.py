"""Answers of language models and people, in each form in which they come, and the logits that are made of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import AnswersFile, read_answers_file
from distune.corpora.logits_file import read_logits_file
from distune.corpora.texts import CorpusError, text_hash
from tests.making.answer_files import LABELS, answers, probabilities

THREE = ("bad", "good", "so-so")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"label": "good"}, [0.25, 0.75]),  # (0 + 1/2) / (1 + 1), (1 + 1/2) / (1 + 1)
        ({"label": " good "}, [0.25, 0.75]),
        ({"votes": ["good", "good", "bad"]}, [0.375, 0.625]),  # 1.5 / 4, 2.5 / 4
        ({"votes": {"good": 3}}, [0.125, 0.875]),  # 0.5 / 4, 3.5 / 4
        ({"votes": "good"}, [0.25, 0.75]),
        ({"answer": ["good", "good"]}, [1 / 6, 5 / 6]),
        ({"votes": ["good", None, ""]}, [0.25, 0.75]),
        ({"label": "good", "confidence": 0.9}, [0.1, 0.9]),
        ({"probabilities": {"good": 0.6, "bad": 0.2}}, [0.25, 0.75]),
        ({"probabilities": {"good": 0.3}}, [0.7, 0.3]),
        ({"logprobs": {"good": math.log(0.6), "bad": math.log(0.2)}}, [0.25, 0.75]),
        ({"logprobs": {"good": math.log(0.8)}}, [0.2, 0.8]),
        ({"logprobs": {"good": math.log(0.5), " good": math.log(0.3)}}, [0.2, 0.8]),
    ],
)
def test_each_form_becomes_probabilities(tmp_path: Path, row: dict[str, Any], expected: list[float]) -> None:
    assert probabilities(answers(tmp_path, {"text": "a", **row})) == pytest.approx(expected, rel=1e-5)


def parts(tmp_path: Path, *tables: pa.Table) -> AnswersFile:
    for number, table in enumerate(tables):
        pa.parquet.write_table(table, tmp_path / f"part-{number}.parquet")
    return read_answers_file(str(tmp_path), LABELS, AnswerRule())


def test_rows_of_several_files_may_have_answers_of_several_forms(tmp_path: Path) -> None:
    votes, label = (
        pa.table({"text": ["a"], "votes": [["good"]]}),
        pa.table({"text": ["a", "b"], "label": ["bad", "bad"]}),
    )
    found = parts(tmp_path, votes, label)
    assert probabilities(found) == pytest.approx([0.5, 0.5])  # 1.5 / 3
    assert probabilities(found, "b") == pytest.approx([0.75, 0.25])


def test_class_numbers_of_several_files_must_have_the_same_names(tmp_path: Path) -> None:
    def named(text: str, *names: str) -> pa.Table:
        about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        return pa.table({"text": [text], "label": [0]}).replace_schema_metadata({"huggingface": json.dumps(about)})

    votes = pa.table({"text": ["c"], "votes": [["good"]]})
    found = parts(tmp_path, votes, named("a", "good", "bad"), named("b", "good", "bad"))
    assert probabilities(found, "b") == pytest.approx([0.25, 0.75])
    with pytest.raises(
        CorpusError, match=r"part-2\.parquet: names the classes of its column 'label' bad, good, but .*-1"
    ):
        parts(tmp_path, votes, named("a", "good", "bad"), named("b", "bad", "good"))


def test_a_file_without_the_texts_of_the_others_is_refused(tmp_path: Path) -> None:
    hashed = pa.table({"text_hash": [text_hash("b").hex()], "label": ["bad"]})
    with pytest.raises(CorpusError, match=r"part-1\.parquet: no column 'text'; its columns are text_hash, label"):
        parts(tmp_path, pa.table({"text": ["a"], "label": ["bad"]}), hashed)
    pair = pa.table({"text": ["a"], "text_b": ["b"], "label": ["bad"]})
    with pytest.raises(CorpusError, match=r"part-1\.parquet: no column 'text_b'"):
        parts(tmp_path, pair, pa.table({"text": ["a"], "label": ["bad"]}))


@pytest.mark.parametrize("name", ["ftp://server/votes.csv", "s3://key:secret@bucket/votes.csv"])
def test_a_name_that_no_place_has_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        CorpusError, match=r"the name of a file must (be a path, or a URI|hold no user or password)"
    ) as caught:
        read_answers_file(name, LABELS, AnswerRule())
    assert "secret" not in str(caught.value)
    with pytest.raises(CorpusError, match="the name of a file must"):
        read_logits_file(name, LABELS)


def test_the_strength_of_the_prior_is_spread_over_the_labels(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "votes": {"good": 2}}, labels=THREE, prior_strength=6.0)
    assert probabilities(found) == pytest.approx([2 / 8, 4 / 8, 2 / 8])


def test_what_top_k_leaves_goes_to_the_labels_that_it_lacks_evenly(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "logprobs": {"good": math.log(0.8)}}, labels=THREE)
    assert probabilities(found) == pytest.approx([0.1, 0.8, 0.1])


def test_a_label_that_top_k_lacks_is_less_likely_than_each_that_it_lists(tmp_path: Path) -> None:
    # Most of the first token went to words that are no label; the label that is not listed does not inherit that.
    found = answers(tmp_path, {"text": "a", "logprobs": {"good": math.log(0.05)}})
    assert probabilities(found) == pytest.approx([0.999 / 1.999, 1 / 1.999])


def test_a_probability_of_zero_counts_as_in_a_file_of_logits(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "label": "good", "confidence": 1.0})
    np.testing.assert_allclose(found.file.of(["a"]).logits, [[-16.118096, 0]], rtol=1e-6)
    assert found.file.n_floored == 1


@pytest.mark.parametrize(
    "row",
    [{"label": None}, {"label": ""}, {"votes": []}, {"votes": {}}, {"votes": {"unknown": 2}}, {"label": "unknown"}],
)
def test_an_abstention_is_no_row(tmp_path: Path, row: dict[str, Any]) -> None:
    found = answers(tmp_path, {"text": "a", **row}, {"text": "b", "label": "good"}, abstentions=("unknown",))
    assert list(found.file.rows) == [text_hash("b")]
    assert found.abstained == {text_hash("a")}
    assert "1 text has an abstention, which is no row" in found.file.notes[0]


def test_votes_that_abstain_are_not_counted(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "votes": ["good", "unknown"]}, abstentions=("unknown",))
    assert probabilities(found) == pytest.approx([0.25, 0.75])


def test_what_an_abstention_takes_of_probabilities_is_taken_out(tmp_path: Path) -> None:
    row = {"text": "a", "probabilities": {"good": 0.6, "bad": 0.2, "unknown": 0.2}}
    assert probabilities(answers(tmp_path, row, abstentions=("unknown",))) == pytest.approx([0.25, 0.75])


def test_a_likeliest_abstention_is_one(tmp_path: Path) -> None:
    row = {"text": "a", "logprobs": {"good": math.log(0.3), "unknown": math.log(0.6)}}
    found = answers(tmp_path, row, {"text": "b", "label": "good"}, abstentions=("unknown",))
    assert found.abstained == {text_hash("a")}


def test_votes_of_one_text_are_added_up_and_said(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": label} for label in ("good", "bad", "good")]
    found = answers(tmp_path, *rows, {"text": "b", "label": "good"})
    assert probabilities(found) == pytest.approx([1.5 / 4, 2.5 / 4])
    assert "1 text stands in several rows, 1 of them with answers that contradict each other" in found.file.notes[1]
    assert (
        "4 votes, 1 to 3 a text: a label with c of n votes has the probability (c + 0.5) / (n + 1)"
        in found.file.notes[2]
    )


def test_scored_answers_to_one_text_are_averaged_as_probabilities(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "good", "confidence": confidence} for confidence in (0.9, 0.5)]
    assert probabilities(answers(tmp_path, *rows)) == pytest.approx([0.3, 0.7])


def test_votes_count_as_one_among_scored_answers(tmp_path: Path) -> None:
    found = answers(
        tmp_path, {"text": "a", "votes": {"good": 1}}, {"text": "a", "probabilities": {"good": 0.25, "bad": 0.75}}
    )
    assert probabilities(found) == pytest.approx([0.5, 0.5])  # of 0.25, 0.75 and 0.75, 0.25
    assert any("1 text has no likeliest label" in note for note in found.file.notes)


def test_a_label_next_to_votes_is_something_else(tmp_path: Path) -> None:
    # It may be the right label.
    found = answers(tmp_path, {"text": "a", "votes": ["bad"], "label": "good"}, {"text": "b", "votes": ["good"]})
    assert probabilities(found) == pytest.approx([0.75, 0.25])
    assert "it has votes and label in the same row; label is not read" in found.file.notes


def test_a_label_that_is_next_to_votes_in_some_rows_and_alone_in_others_is_refused(tmp_path: Path) -> None:
    rows = [{"text": "a", "votes": ["bad"], "label": "good"}, {"text": "b", "votes": None, "label": "good"}]
    with pytest.raises(
        CorpusError, match="some rows have votes and label, and line 2 has label alone: leave label out"
    ):
        answers(tmp_path, *rows)


def test_a_number_in_a_column_of_votes_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match="votes must be a list of labels or an object with a count for each, but got 2"
    ):
        answers(tmp_path, {"text": "a", "votes": 2, "label": "1"}, labels=("1", "2"))


def test_an_abstention_that_is_a_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"teacher\.answers\.abstentions: 'good' is a label of the corpus, so that"):
        answers(tmp_path, {"text": "a", "label": "good"}, abstentions=("good",))


def test_numbers_stand_for_the_class_names_of_the_file(tmp_path: Path) -> None:
    names = {"info": {"features": {"label": {"names": ["good", "bad"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["a", "b", "c"], "label": [0, 1, -1]})
    path = tmp_path / "answers.parquet"
    pa.parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(names)}), path)
    found = read_answers_file(str(path), LABELS, AnswerRule())
    assert probabilities(found, "a") == pytest.approx([0.25, 0.75])
    assert probabilities(found, "b") == pytest.approx([0.75, 0.25])
    assert found.abstained == {text_hash("c")}


def test_whole_floats_and_missing_labels_of_pandas_are_known(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("text,label\na,2.0\nb,NA\nc,1.0\n", encoding="utf-8")
    found = read_answers_file(str(path), ("1", "2"), AnswerRule())
    assert probabilities(found, "a") == pytest.approx([0.25, 0.75])
    assert found.abstained == {text_hash("b")}


def test_a_score_next_to_a_label_is_told(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "label": "good", "score": 0.6})
    assert any(note.startswith("its column score is not read; if it is the confidence") for note in found.file.notes)


def test_the_order_of_rows_is_no_other_teacher(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "good"}, {"text": "b", "label": "bad"}]
    first = answers(tmp_path, *rows).file.fingerprint()
    assert answers(tmp_path, *reversed(rows)).file.fingerprint() == first
    assert answers(tmp_path, *rows, prior_strength=2.0).file.fingerprint() != first


def test_labels_that_are_numbers_are_found_in_each_spelling(tmp_path: Path) -> None:
    for spelling in (1, 1.0, "1"):
        found = answers(tmp_path, {"text": "a", "label": spelling}, labels=("0", "1"))
        assert probabilities(found) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"votes": ["good", "neutral"]},
            "line 2: the answer 'neutral' is no label; the labels of the corpus are bad, good; if it means that there is no "
            r"answer, set teacher.answers.abstentions: \[neutral\]",
        ),
        ({"label": "Good"}, r"the answer 'Good' is no label \(is it 'good'\?\)"),
        ({"votes": {"good": 0.5}}, "a number of votes must be whole and >= 0, but got 0.5"),
        ({"votes": {"good": -1}}, "a number of votes must be whole and >= 0, but got -1"),
        ({"votes": {"good": True}}, "a number of votes must be a number, but got 'True'"),
        ({"label": "good", "confidence": 85}, "line 2: a confidence must be from 0 to 1, but got 85"),
        ({"label": "good", "confidence": "high"}, "the confidence must be a number, but got 'high'"),
        ({"logprobs": {"good": 0.5}}, "a log-probability must be <= 0, but got 0.5"),
        ({"logprobs": {"good": -0.1, "bad": -0.1}}, "the logprobs of good, bad add up to 1.81 as probabilities"),
        ({"probabilities": {"good": 80}}, "the probabilities of good add up to 80"),
        ({"probabilities": {"good": -0.1}}, "a probability must be >= 0, but got -0.1"),
        ({"probabilities": {"good": 0, "bad": 0}}, "the probabilities of good, bad add up to 0"),
        ({"probabilities": [0.2, 0.8]}, "probabilities must be an object with a number for each label"),
        ({"votes": [["good"]]}, "a vote must be a label"),
        ({"score": 0.9}, "no answers: needs a column label"),
        ({"votes": ["good"], "labels": ["good"]}, "has columns votes, labels; keep one of them"),
        ({"confidence": 0.9}, "no answers"),
        ({"votes": ["good"], "confidence": 0.9}, "has a column confidence, and no column label"),
        ({"votes": []}, "has no answer: all of 2 texts are abstentions"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_in_one_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        answers(tmp_path, {"text": "b"}, {"text": "a", **row})
    assert "\n" not in str(caught.value)


def test_confidences_below_chance_are_told(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "label": "good", "confidence": 0.3})
    assert probabilities(found) == pytest.approx([0.7, 0.3])
    assert any(note.startswith("1 confidence is below 1/2") for note in found.file.notes)
