"""Answers as annotation tools and pipelines write them into rows: what no annotator has given, and scores of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.texts import CorpusError, text_hash
from tests.making.tool_answers import answers


@pytest.mark.parametrize("is_multi_label", [False, True])
@pytest.mark.parametrize(
    ("finished", "unfinished", "said"),
    [
        ({"status": "submitted"}, {"status": "discarded"}, "discarded by an annotator (as Argilla writes it)"),
        ({"status": "Validated"}, {"status": "draft"}, "kept as a draft by an annotator (as Argilla writes it)"),
        (
            {"was_cancelled": False},
            {"was_cancelled": True},
            "skipped by an annotator (`was_cancelled`, as Label Studio writes it)",
        ),
        (
            {"AssignmentStatus": "Approved"},
            {"AssignmentStatus": "Rejected"},
            "rejected or not finished (`AssignmentStatus`, as Mechanical Turk writes it)",
        ),
    ],
)
def test_rows_that_no_annotator_has_answered_are_abstentions(
    tmp_path: Path, finished: dict[str, Any], unfinished: dict[str, Any], said: str, is_multi_label: bool
) -> None:
    rows = [
        {"text": "a", "label": "good", **finished},
        {"text": "a", "label": "bad", **unfinished},
        {"text": "b", "label": "bad", **unfinished},
    ]
    found = answers(tmp_path, rows, is_multi_label=is_multi_label)
    assert int(np.argmax(found.file.of(["a"]).logits[0])) == 1
    assert found.n_votes == 1
    assert found.abstained == {text_hash("b")}
    assert f"2 rows that were {said} left out, as an abstention is" in found.file.notes


def test_any_other_status_says_nothing(tmp_path: Path) -> None:
    found = answers(tmp_path, [{"text": "a", "label": "good", "status": "open"}])
    assert found.n_votes == 1
    assert not any("annotator" in note for note in found.file.notes)


@pytest.mark.parametrize("column", ["confidence", "score", "Probability"])
@pytest.mark.parametrize("is_multi_label", [False, True])
def test_a_row_for_the_score_of_each_label_is_no_vote(tmp_path: Path, column: str, is_multi_label: bool) -> None:
    scores = {"bad": 0.2, "good": 0.7, "so-so": 0.1}
    rows = [{"text": "a", "label": label, column: score} for label, score in scores.items()]
    said = f"votes.jsonl: each row has one label with a {column}, and 1 text has several such rows of different labels: write the numbers"
    with pytest.raises(CorpusError, match=said):
        answers(tmp_path, rows, is_multi_label=is_multi_label)


def test_the_two_likeliest_labels_of_twenty_texts_in_rows_of_their_own_are_no_votes(tmp_path: Path) -> None:
    rows = [
        {"text": f"t{n}", "label": label, "score": score}
        for n in range(20)
        for label, score in (("bad", 0.7), ("good", 0.2))
    ]
    with pytest.raises(CorpusError, match="20 texts have several such rows of different labels"):
        answers(tmp_path, rows)


def test_people_who_answer_with_a_confidence_agree_at_times_and_are_read(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": "bad", "confidence": 0.8},
        {"text": "a", "label": "good", "confidence": 0.6},
        {"text": "b", "label": "bad", "confidence": 0.9},
        {"text": "b", "label": "bad", "confidence": 0.7},
    ]
    found = answers(tmp_path, rows)
    # a: (0.8 + 0.2) / 2, (0.1 + 0.6) / 2, (0.1 + 0.2) / 2
    assert np.exp(found.file.of(["a"]).logits[0]) == pytest.approx([0.5, 0.35, 0.15], rel=1e-5)


@pytest.mark.parametrize("column", ["confidence", "score"])
def test_two_annotators_who_disagree_on_every_text_are_read_by_numbers_that_no_scores_of_labels_have(
    tmp_path: Path, column: str
) -> None:
    rows = [
        {"text": f"t{n}", "label": label, column: number}
        for n in range(20)
        for label, number in (("bad", 0.9), ("good", 0.6))
    ]
    found = answers(tmp_path, rows)
    # By confidence (0.9 + 0.2) / 2, (0.05 + 0.6) / 2, (0.05 + 0.2) / 2; by votes (1 + 1/3) / 3 twice, and (1/3) / 3.
    expected = [0.55, 0.325, 0.125] if column == "confidence" else [4 / 9, 4 / 9, 1 / 9]
    assert np.exp(found.file.of(["t3"]).logits[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("numbers", [(0.5, 0.5), (97.0, 3.0), (2.5, -1.0), (0.9, None)])
def test_numbers_that_may_be_scores_are_refused_with_the_form_of_several_answers(
    tmp_path: Path, numbers: tuple[float | None, float | None]
) -> None:
    rows = [
        {"text": f"t{n}", "label": label, "score": number}
        for n in range(20)
        for label, number in zip(("bad", "good"), numbers, strict=True)
    ]
    with pytest.raises(
        CorpusError, match="if these are the answers of several annotators, write them into one row too"
    ):
        answers(tmp_path, rows)


def test_minus_one_is_not_taken_for_a_misspelt_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the answer '-1' is no label; the labels of the corpus are 0, 1;"):
        answers(tmp_path, [{"text": "a", "label": -1}], labels=("0", "1"))
    with pytest.raises(CorpusError, match=r"the answer '01' is no label \(is it '1'\?\)"):
        answers(tmp_path, [{"text": "a", "label": "01"}], labels=("0", "1"))


def test_rows_that_prodigy_says_were_not_accepted_are_abstentions(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": "good", "answer": "accept"},
        {"text": "a", "label": "bad", "answer": "reject"},
        {"text": "b", "label": "bad", "answer": "ignore"},
    ]
    found = answers(tmp_path, rows)
    assert int(np.argmax(found.file.of(["a"]).logits[0])) == 1
    assert (found.n_votes, found.abstained) == (1, {text_hash("b")})
    said = (
        "2 rows that were not accepted by an annotator (`answer`, as Prodigy writes it) left out, as an abstention is"
    )
    assert said in found.file.notes


def test_the_status_of_prodigy_alone_is_no_answer_unless_labels_are_called_so(tmp_path: Path) -> None:
    rows = [{"text": "a", "answer": "accept"}, {"text": "b", "answer": "reject"}]
    with pytest.raises(CorpusError, match=r"no answers: needs a column label .*; its columns are text, answer$"):
        answers(tmp_path, rows)
    assert answers(tmp_path, rows, labels=("accept", "reject")).n_votes == 2


def test_replies_of_a_model_are_no_answers_yet(tmp_path: Path) -> None:
    rows = [{"custom_id": "x", "response": {"status_code": 200}, "text": "a"}]
    with pytest.raises(
        CorpusError, match=r"`distune answers STUDY FILE` makes answers of the replies of a language model$"
    ):
        answers(tmp_path, rows)


def test_an_object_with_the_label_is_no_count_of_votes(tmp_path: Path) -> None:
    said = "line 1: the answer is an object with the label 'good' at 'content'; write the label by itself"
    with pytest.raises(CorpusError, match=said):
        answers(tmp_path, [{"text": "a", "label": {"content": "good", "type": "ai"}}])
