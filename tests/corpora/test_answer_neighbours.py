"""Columns next to the answers of a file: the scores of its labels, the answers of a model, and those of more annotators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.texts import CorpusError
from tests.making.tool_answers import LABELS, answers


@pytest.mark.parametrize("is_multi_label", [False, True])
@pytest.mark.parametrize(("column", "scores"), [("label", "prob"), ("labels", "scores"), ("labels", "confidence")])
def test_a_list_of_labels_with_a_list_of_their_scores_is_no_list_of_votes(
    tmp_path: Path, column: str, scores: str, is_multi_label: bool
) -> None:
    rows = [{"text": "a", column: ["good", "bad"], scores: [0.9, 0.1]}]
    said = f"votes.jsonl: {column} and {scores} are lists of one length in each row, as programs write labels with their scores"
    with pytest.raises(CorpusError, match=said):
        answers(tmp_path, rows, is_multi_label=is_multi_label)


def test_a_list_of_numbers_of_another_length_says_nothing_of_the_labels(tmp_path: Path) -> None:
    rows = [{"text": "a", "votes": ["good", "good"], "scores": [0.9, 0.1, 0.2]}]
    assert answers(tmp_path, rows).n_votes == 2


PREDICTED = ["prediction", "predicted_label", "y_pred", "label_pred", "model_label", "Predicted", "label.suggestion"]


@pytest.mark.parametrize("column", PREDICTED)
def test_a_label_next_to_the_answers_of_a_model_may_be_the_right_one(tmp_path: Path, column: str) -> None:
    rows = [{"text": "a", "label": "good", column: "good"}, {"text": "b", "label": "good", column: "bad"}]
    said = f"has columns label and {column}, and label may hold the right labels: leave it out and call {column} label"
    with pytest.raises(CorpusError, match=said):
        answers(tmp_path, rows)


def test_so_may_a_list_of_labels(tmp_path: Path) -> None:
    rows = [{"text": "a", "labels": ["good"], "predicted_labels": ["good", "bad"]}]
    with pytest.raises(CorpusError, match="has columns labels and predicted_labels"):
        answers(tmp_path, rows, is_multi_label=True)


@pytest.mark.parametrize(
    "other",
    [
        {"prediction": "good"},
        {"prediction": 0.93},
        {"prediction": "It is good."},
        {"predicate": "bad"},
        {"spread": "bad"},
    ],
)
def test_the_same_answers_and_what_is_no_answer_leave_no_doubt(tmp_path: Path, other: dict[str, Any]) -> None:
    found = answers(tmp_path, [{"text": "a", "label": "good", **other}])
    assert LABELS[int(np.argmax(found.file.of(["a"]).logits[0]))] == "good"


def test_the_answers_of_more_annotators_are_not_left_out_in_silence(tmp_path: Path) -> None:
    row = {"text": "a", "label": "good", "label_2": "bad", "label.1": "bad", "label_3": None, "labelled": "bad"}
    found = answers(tmp_path, [row])
    assert found.file.notes[2:] == (
        "labels are also in label_2, label.1, which are not read; the answers of several annotators to a text are a list in a column "
        "votes, or a row each",
    )


@pytest.mark.parametrize(("before", "behind"), [("prob_", ""), ("", "_score"), ("", "")])
def test_numbers_of_the_classes_next_to_a_label_may_be_the_answers(tmp_path: Path, before: str, behind: str) -> None:
    row = {"text": "a", "label": "good"} | {f"{before}{label}{behind}": 0.5 for label in LABELS}
    with pytest.raises(
        CorpusError, match="call the numbers probability_bad, probability_good, probability_so-so if they are"
    ):
        answers(tmp_path, [row])


def test_counts_of_the_classes_are_no_such_numbers(tmp_path: Path) -> None:
    row = {"text": "a", "label": "good"} | {f"n_{label}": 2 for label in LABELS}
    assert answers(tmp_path, [row]).n_votes == 1
