"""Answers to texts that may have several labels, in each form in which they come, and the logits that are made of them."""

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
from distune.corpora.texts import CorpusError, text_hash
from distune.models.decision import sigmoid

LABELS = ("broken", "late", "price")


def answers(tmp_path: Path, *rows: dict[str, Any], labels: tuple[str, ...] = LABELS, **rule: Any) -> AnswersFile:
    path = tmp_path / "votes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_answers_file(str(path), labels, AnswerRule(**rule), is_multi_label=True)


def probabilities(found: AnswersFile, text: str = "a") -> list[float]:
    return [float(one) for one in sigmoid(found.file.of([text]).logits.astype(np.float64))[0]]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # (0 + 1/2) / (1 + 1) for a label that the one vote lacks, and (1 + 1/2) / (1 + 1) for one that it has.
        ({"label": ["late"]}, [0.25, 0.75, 0.25]),
        ({"labels": ["late", "price"]}, [0.25, 0.75, 0.75]),
        ({"answer": "late"}, [0.25, 0.75, 0.25]),
        ({"label": []}, [0.25, 0.25, 0.25]),
        ({"label": "none"}, [0.25, 0.25, 0.25]),
        ({"label": ["No label"]}, [0.25, 0.25, 0.25]),
        ({"label": "late, price"}, [0.25, 0.75, 0.75]),
        ({"label": "late | price"}, [0.25, 0.75, 0.75]),
        ({"label": "price\nlate\n"}, [0.25, 0.75, 0.75]),
        ({"label": "['late' 'price']"}, [0.25, 0.75, 0.75]),
        ({"label": {"late": 1, "broken": 0}}, [0.25, 0.75, 0.25]),
        ({"label": {"late": True, "broken": False}}, [0.25, 0.75, 0.25]),
        ({"label": {"labels": ["late"]}}, [0.25, 0.75, 0.25]),
        ({"label": '{"labels": ["late"], "why": "it says so"}'}, [0.25, 0.75, 0.25]),
        ({"votes": [["late"], ["late", "price"], []]}, [0.5 / 4, 2.5 / 4, 1.5 / 4]),
        ({"votes": [["late"], None, ["unknown"]]}, [0.25, 0.75, 0.25]),
        ({"label": [["late"], []]}, [0.5 / 3, 1.5 / 3, 0.5 / 3]),
        ({"votes": {"late": 2, "price": 1}, "n_votes": 3}, [0.5 / 4, 2.5 / 4, 1.5 / 4]),
        ({"votes": {}, "n_votes": 3}, [0.5 / 4, 0.5 / 4, 0.5 / 4]),
        ({"votes": {"late": 2, "unknown": 1}, "n_votes": 3}, [0.5 / 3, 2.5 / 3, 0.5 / 3]),
        ({"votes_late": 2, "votes_price": 0, "n_votes": 2}, [0.5 / 3, 2.5 / 3, 0.5 / 3]),
        ({"probabilities": {"late": 0.9, "broken": 0.1, "price": 0.6}}, [0.1, 0.9, 0.6]),
        ({"label": ["late", "price"], "confidence": 0.9}, [0.1, 0.9, 0.9]),
        ({"label": [], "confidence": 0.8}, [0.2, 0.2, 0.2]),
    ],
)
def test_each_form_becomes_a_probability_of_each_label(
    tmp_path: Path, row: dict[str, Any], expected: list[float]
) -> None:
    found = answers(tmp_path, {"text": "a", **row}, abstentions=("unknown",))
    assert probabilities(found) == pytest.approx(expected, rel=1e-5)


def test_logits_are_those_of_the_probabilities_and_certain_ones_are_bounded(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "probabilities": {"broken": 0, "late": 1, "price": 0.75}})
    np.testing.assert_allclose(found.file.of(["a"]).logits, [[-16.118096, 16.118096, math.log(3)]], rtol=1e-6)
    assert "1 text has a label with the probability 1, which counts as 1 - 1e-07" in found.file.notes


def test_the_strength_of_the_prior_is_that_of_each_label(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "votes": [["late"], ["late"]]}, prior_strength=6.0)
    assert probabilities(found) == pytest.approx([3 / 8, 5 / 8, 3 / 8])
    assert any("has the probability (c + 3) / (n + 6), by teacher.answers" in note for note in found.file.notes)


@pytest.mark.parametrize(
    "row",
    [
        {"label": None},
        {"label": ""},
        {"label": "unknown"},
        {"label": ["unknown"]},
        {"votes": []},
        {"votes": [["unknown"], None]},
        {"votes": {"late": 0}, "n_votes": 0},
        {"votes": {"unknown": 2}, "n_votes": 2},
        {"probabilities": {"late": 0.4, "broken": 0.1, "price": 0.1, "unknown": 0.5}},
    ],
)
def test_an_abstention_is_no_row_and_no_label_is_one(tmp_path: Path, row: dict[str, Any]) -> None:
    other: dict[str, Any] = {"votes": [[]]} if "votes" in row else {"label": []}
    found = answers(tmp_path, {"text": "a", **row}, {"text": "b", **other}, abstentions=("unknown",))
    assert list(found.file.rows) == [text_hash("b")]
    assert found.abstained == {text_hash("a")}
    assert "1 text has an abstention, which is no row" in found.file.notes[0]


def test_none_may_be_a_label_or_an_abstention_of_the_study(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "label": "none"}, labels=("late", "none"))
    assert probabilities(found) == pytest.approx([0.25, 0.75])
    found = answers(tmp_path, {"text": "a", "label": "None"}, {"text": "b", "label": []}, abstentions=("None",))
    assert found.abstained == {text_hash("a")}


def test_votes_of_one_text_are_added_up_and_said(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": one} for one in ("late", "price", "late")]
    found = answers(tmp_path, *rows, {"text": "b", "label": ["late", "price"]})
    assert probabilities(found) == pytest.approx([0.5 / 4, 2.5 / 4, 1.5 / 4])
    assert found.file.notes == (
        "answers to 2 texts, 2 with one list of labels, which is one vote",
        "1 text stands in several rows, 1 of them with answers that contradict each other: votes are added up, other answers are averaged "
        "as probabilities",
        "4 votes, 1 to 3 a text: a label that c of n votes have has the probability (c + 0.5) / (n + 1), by teacher.answers.prior_strength",
        "1.50 labels a text have a probability of 0.5 or more, and 0 texts have no such label",
        "1 text stands in several rows of one label each, and each row is a vote; if they are the labels of one answer, write these as a "
        "list into one row",
        "no text is answered with broken",
    )


def test_votes_count_as_one_among_scored_answers(tmp_path: Path) -> None:
    scored = {"text": "a", "label": ["price"], "confidence": 0.9}
    found = answers(tmp_path, scored, {"text": "a", "votes": [["late"], ["late"]]})
    # (0.1 + 1/6) / 2, (0.1 + 5/6) / 2, (0.9 + 1/6) / 2
    assert probabilities(found) == pytest.approx([0.8 / 6, 2.8 / 6, 3.2 / 6], rel=1e-5)


def test_a_label_next_to_votes_is_something_else(tmp_path: Path) -> None:
    found = answers(tmp_path, {"text": "a", "votes": [["late"]], "label": ["price"]})
    assert probabilities(found) == pytest.approx([0.25, 0.75, 0.25])
    assert "it has votes and label in the same row; label is not read" in found.file.notes


def test_a_label_of_two_words_with_a_comma_is_one(tmp_path: Path) -> None:
    labels = ("late", "late, again", "price")
    found = answers(tmp_path, {"text": "a", "label": "late, again"}, labels=labels)
    assert probabilities(found) == pytest.approx([0.25, 0.75, 0.25])


def test_csv_and_parquet_spell_the_same(tmp_path: Path) -> None:
    csv = tmp_path / "votes.csv"
    csv.write_text('text,labels\na,"late,price"\nb,[]\nc,\nd,late\n', encoding="utf-8")
    found = read_answers_file(str(csv), LABELS, AnswerRule(), is_multi_label=True)
    assert probabilities(found) == pytest.approx([0.25, 0.75, 0.75])
    assert probabilities(found, "b") == pytest.approx([0.25, 0.25, 0.25])
    assert found.abstained == {text_hash("c")}
    parquet = tmp_path / "votes.parquet"
    names = {"info": {"features": {"labels": {"feature": {"names": list(LABELS), "_type": "ClassLabel"}}}}}
    votes = pa.table({"text": ["a"], "votes": [[["late"], ["late", "price"]]]})
    pyarrow.parquet.write_table(votes.replace_schema_metadata({"huggingface": json.dumps(names)}), parquet)
    found = read_answers_file(str(parquet), LABELS, AnswerRule(), is_multi_label=True)
    assert probabilities(found) == pytest.approx([0.5 / 3, 2.5 / 3, 1.5 / 3])


def test_the_order_of_rows_is_no_other_teacher(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": ["late"]}, {"text": "b", "label": []}]
    first = answers(tmp_path, *rows).file.fingerprint()
    assert answers(tmp_path, *reversed(rows)).file.fingerprint() == first
    assert answers(tmp_path, *rows, prior_strength=2.0).file.fingerprint() != first


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"votes": ["late", "price"]},
            r"line 2: \['late', 'price'\] may be several votes of one label each, or one vote of several labels; write votes as a list of lists",
        ),
        ({"votes": "late"}, "may be several votes of one label each"),
        ({"votes": {"late": 2}}, "counts of labels need the number of votes.*: add a column n_votes"),
        ({"votes": {"late": 4}, "n_votes": 3}, r"\{'late': 4\} has more than n_votes=3 votes of one label"),
        ({"votes": {"unknown": 4}, "n_votes": 3}, "has more than n_votes=0 votes"),
        ({"votes": [["late"]], "n_votes": 3}, "has 1 vote, but n_votes says 3"),
        ({"votes": {"late": 0.5}, "n_votes": 3}, "a number of votes must be whole and >= 0, but got 0.5"),
        ({"label": ["late", "late"]}, "names 'late' twice, which one vote cannot; several votes are a list of lists"),
        ({"label": ["late", "unknown"]}, "names labels next to what means that there is none, or no answer"),
        ({"label": ["late", "none"]}, "names labels next to what means that there is none"),
        ({"label": ["none", "unknown"]}, "names labels next to what means that there is none"),
        ({"label": [{"label": "late"}]}, "the labels of a vote must be names, but got {'label': 'late'}"),
        ({"label": "None"}, r"the answer 'None' may say that the text has no label, or.*: write \[\] for no label"),
        ({"label": {}}, r"the answer \{\} says nothing of any label; write \[\] for no label"),
        ({"label": {"late": 0.5}}, "must have 1 or 0 for each label, but got 0.5 for late"),
        ({"label": {"unknown": 1, "late": 1}}, "'unknown' in .* is an abstention, which is no part of an answer"),
        (
            {"label": "Late"},
            r"the answer 'Late' is no label \(is it 'late'\?\); the labels of the corpus are broken, late, price.*; no label at all is an empty list, \[\]",
        ),
        ({"label": "late, fast"}, "the answer 'fast' is no label"),
        ({"label": ["late"], "confidence": 85}, "a confidence must be from 0 to 1, but got 85"),
        ({"label": ["late"], "confidence": [0.9]}, "a confidence must be one number for the whole answer, but got"),
        ({"probabilities": {"late": 0.9}}, "has no probability of broken, price; where a text has several labels"),
        (
            {"probabilities": {"late": 80, "broken": 0, "price": 0}},
            "the probability of late must be from 0 to 1, but got 80",
        ),
        ({"probabilities": {"late": 0.5, " late": 0.5}}, "has two probabilities of 'late'"),
        ({"probabilities": [0.1, 0.2, 0.3]}, "probabilities must be an object with a number for each label"),
        ({"logprobs": {"late": -0.1}}, "logprobs are of labels that exclude each other"),
        ({"label": [], "labels": []}, "has columns label, labels; keep one of them"),
        ({"score": 0.9}, "no answers: needs a column label"),
        ({"votes": []}, "has no answer: all of 2 texts are abstentions"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_in_one_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        answers(tmp_path, {"text": "b"}, {"text": "a", **row}, abstentions=("unknown",))
    assert "\n" not in str(caught.value)


def test_confidences_below_a_half_and_even_votes_are_told(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "a", "label": ["late"], "confidence": 0.3},
        {"text": "b", "label": [["late"], []]},
    ]
    notes = answers(tmp_path, *rows).file.notes
    assert any(note.startswith("1 confidence is below 1/2, by which the other labels are likelier") for note in notes)
    assert any(note.endswith("1 text has one of exactly 0.5, which counts as an answer") for note in notes)


def test_a_row_for_the_score_of_each_label_is_no_answer_with_a_confidence(tmp_path: Path) -> None:
    scores = [
        {"text": text, "label": label, "confidence": score}
        for text in ("a", "b")
        for label, score in zip(LABELS, (0.1, 0.9, 0.2), strict=True)
    ]
    with pytest.raises(CorpusError, match="2 texts have several such rows of different labels: write the numbers"):
        answers(tmp_path, *scores)
    likeliest = [
        row for place in range(10) for row in ({**scores[1], "text": f"t{place}"}, {**scores[2], "text": f"t{place}"})
    ]
    answers(tmp_path, *likeliest)
    with pytest.raises(CorpusError, match="20 texts have several such rows"):
        answers(tmp_path, *likeliest, *({**row, "text": f"u{row['text']}"} for row in likeliest))
