"""Answers as other programs spell them are read as a corpus reads them, or refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import read_answers_file
from distune.corpora.texts import CorpusError
from distune.models.decision import sigmoid, softmax

SETS = ("broken", "late", "price")
ONE = ("bad", "good")


def asked(tmp_path: Path, rows: list[dict[str, Any]], labels: tuple[str, ...], several: bool) -> list[float]:
    """The probabilities of the labels of the first text."""
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"text": "a", **row}) + "\n" for row in rows), encoding="utf-8")
    file = read_answers_file(str(path), labels, AnswerRule(), several).file
    logits = file.of(["a"]).logits.astype(np.float64)
    return [float(one) for one in (sigmoid if several else softmax)(logits)[0]]


@pytest.mark.parametrize(
    "label",
    [
        "[late, price]",
        "{late,price}",
        '{"late",price}',
        "late#price",
        "late/price",
        "late & price",
        "price+late",
        "late price",
    ],
)
def test_one_vote_of_several_labels_in_any_spelling(tmp_path: Path, label: str) -> None:
    # (1 + 1/2) / (1 + 1) for a label that the vote has, and (0 + 1/2) / (1 + 1) for one that it lacks.
    found = asked(tmp_path, [{"label": label}], SETS, True)
    assert found == pytest.approx([0.25, 0.75, 0.75])


@pytest.mark.parametrize("label", ["[late]", "{late}"])
def test_a_list_of_one_label_without_quotation_marks(tmp_path: Path, label: str) -> None:
    assert asked(tmp_path, [{"label": label}], SETS, True) == pytest.approx([0.25, 0.75, 0.25])


@pytest.mark.parametrize(
    "votes", ["[good, good, bad]", "{good,good,bad}", "good|bad|good", "good#bad#good", "bad good good"]
)
def test_votes_for_one_label_in_any_spelling(tmp_path: Path, votes: str) -> None:
    # (2 + 1/2) / (3 + 1) and (1 + 1/2) / (3 + 1).
    assert asked(tmp_path, [{"votes": votes}], ONE, False) == pytest.approx([0.375, 0.625])


@pytest.mark.parametrize(
    "columns", [{"broken": 0, "late": 1, "price": 1}, {"price": "true", "late": "1.0", "broken": "f"}]
)
def test_columns_of_zeros_and_ones_are_one_vote(tmp_path: Path, columns: dict[str, Any]) -> None:
    assert asked(tmp_path, [columns], SETS, True) == pytest.approx([0.25, 0.75, 0.75])


def test_columns_without_any_value_are_an_abstention(tmp_path: Path) -> None:
    rows = [{"broken": 0, "late": 1, "price": 1}, {"text": "b", "broken": None, "late": "", "price": None}]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"text": "a", **row}) + "\n" for row in rows), encoding="utf-8")
    found = read_answers_file(str(path), SETS, AnswerRule(), True)
    assert len(found.abstained) == 1
    assert found.file.holds(["a"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_scores_of_a_pipeline_are_probabilities_by_label(tmp_path: Path, wrapped: bool) -> None:
    scores: Any = [{"label": "good", "score": 0.75}, {"label": "bad", "score": 0.25}]
    given = [scores] if wrapped else scores
    assert asked(tmp_path, [{"probabilities": given}], ONE, False) == pytest.approx([0.25, 0.75])
    assert asked(tmp_path, [{"probabilities": json.dumps(given)}], ONE, False) == pytest.approx([0.25, 0.75])
    of_sets = [{"label": "late", "score": 0.9}, {"label": "broken", "score": 0.1}, {"label": "price", "score": 0.6}]
    assert asked(tmp_path, [{"probabilities": of_sets}], SETS, True) == pytest.approx([0.1, 0.9, 0.6])


@pytest.mark.parametrize(
    ("labels", "several", "row", "message"),
    [
        (
            ONE,
            False,
            {"label": "good|bad"},
            r"the answer 'good\|bad' joins 2 labels, and a text has one: several votes are a column votes",
        ),
        (ONE, False, {"good": 1, "bad": 0}, "columns bad, good are named as labels; call them votes_LABEL"),
        (SETS, True, {"late": 1, "broken": 0}, "has columns of the labels broken, late, and none of price"),
        (
            SETS,
            True,
            {"late": 0.7, "broken": 0, "price": 0},
            "must have 1 or 0 for each label, but got 0.7 for late; .*probability_LABEL",
        ),
        (
            SETS,
            True,
            {"late": 1, "broken": None, "price": 0},
            "must have 1 or 0 for each label, but got None for broken",
        ),
        (SETS, True, {"label": "[late, wrong]"}, "the answer 'wrong' is no label"),
        (
            SETS,
            True,
            {"label": "[wrong, other]"},
            r"the answer '\[wrong, other\]' is no label, and no list or object that can be read",
        ),
        (SETS, True, {"label": "late#wrong"}, "the answer 'wrong' is no label"),
        (SETS, True, {"label": "late at night"}, "the answer 'late at night' is no label"),
        (SETS, True, {"votes": "late|price"}, "may be several votes of one label each, or one vote of several labels"),
        (
            ONE,
            False,
            {"probabilities": {"label": "good", "score": 0.9}},
            "has the score of one label alone .*top_k=None",
        ),
        (
            ONE,
            False,
            {"probabilities": [{"label": "good", "score": 0.9}, {"label": "good", "score": 0.1}]},
            "a label occurs twice",
        ),
        (
            ONE,
            False,
            {"votes": [{"label": "good", "score": 0.9}]},
            "labels with a score each are a column probabilities",
        ),
        (
            SETS,
            True,
            {"label": [{"label": "late", "score": 0.9}]},
            "labels with a score each are a column probabilities",
        ),
        (
            SETS,
            True,
            {"probabilities": [{"label": "late", "score": 0.9}, {"label": "price", "score": 0.1}]},
            "has no probability of broken",
        ),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_in_one_line(
    tmp_path: Path, labels: tuple[str, ...], several: bool, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(CorpusError, match=message) as refused:
        asked(tmp_path, [row], labels, several)
    assert "\n" not in str(refused.value)
