"""The page and the pictures of a search of several labels a text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from distune.tuning.champion.answers import Answers
from distune.tuning.report import mistakes
from distune.tuning.report.deciding import Decided, Word
from distune.tuning.report.findings import Findings
from distune.tuning.report.page import page
from distune.tuning.report.pictures import draw
from tests.making.findings import findings, study
from tests.making.findings_of_sets import ANSWERS_OF_SETS, TEXTS_OF_SETS, many_answers, many_texts, of_sets

__all__ = ["findings", "study"]  # Fixtures.


def visible(found: Findings, texts: Sequence[str] = TEXTS_OF_SETS) -> str:
    """The words of the page without its tags, scripts and styles."""
    text = re.sub(r"<(script|style).*?</\1>", "", page(found, texts, *draw(found)), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def drawn(found: Findings, name: str) -> dict[str, Any]:
    picture = next(one for one in draw(found)[0] if one.name == name)
    written: dict[str, Any] = json.loads(picture.figure.to_json())
    return written


def test_the_page_shows_what_is_extra_and_missing_in_the_answers(findings: Findings) -> None:
    text = visible(of_sets(findings))
    assert "Keeps 92.2 % of the teacher&#39;s micro-F1" in text
    assert (
        "学生少一个 late &lt;b&gt;好&lt;/b&gt; late (0.90) &lt;b&gt;好&lt;/b&gt; (0.80) missing &lt;b&gt;好&lt;/b&gt; (0.35) late (0.65)"
        in text
    )
    assert "late 1 unknown late (0.90) unknown broken (0.90) missing late (0.35)" in text
    assert "都错 none extra broken (0.70) extra broken (0.55)" in text
    assert "An extra label is answered although the text does not have it" in text
    assert "Confusion" not in text


def test_an_answer_without_a_label_is_said_in_words(findings: Findings) -> None:
    labels = np.zeros((4, 3), dtype=np.int8)
    text = visible(replace(of_sets(findings), answers=replace(ANSWERS_OF_SETS, labels=labels)))
    # The teacher answers nothing, the student 好.
    assert "没有人知道 none none extra &lt;b&gt;好&lt;/b&gt; (0.85)" in text


def test_the_words_that_decided_are_told_for_each_label(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    decided = [Decided("late", (Word("慢", 0.6), Word("了", 0.1))), Decided("broken", (Word("坏", 0.7),))]
    monkeypatch.setattr(mistakes, "words_of_texts", lambda folder, texts: {"都错": decided})
    text = visible(of_sets(findings))
    assert "late decided by 慢 0.60, 了 0.10 broken decided by 坏 0.70" in text
    assert (
        "each takes so much from the probability of that label: of each answered one, or of the likeliest if none is"
        in text
    )


def test_every_label_has_a_row_with_the_worst_first(findings: Findings) -> None:
    text = visible(of_sets(findings))
    rows = "label texts threshold F1 teacher F1 student broken 1 0.400 0.000 0.000 &lt;b&gt;好&lt;/b&gt; 1 0.500 1.000 0.000 late 2 0.500 1.000 0.667"
    assert rows in text
    assert "All labels (3)" in text


@pytest.mark.parametrize(("n_labels", "is_open"), [(12, True), (13, False)])
def test_a_long_table_of_labels_is_folded(findings: Findings, n_labels: int, is_open: bool) -> None:
    texts = many_texts(n_labels)
    found = page(replace(of_sets(findings), answers=many_answers(n_labels)), texts, [], [])
    assert "All labels" not in found  # It belongs to its picture.
    many = replace(of_sets(findings), answers=many_answers(n_labels))
    found = page(many, texts, *draw(many))
    assert (f"<details open><summary>All labels ({n_labels})" in found) == is_open
    assert f"<summary>All labels ({n_labels})" in found


def test_long_answers_are_cut_and_say_how_much_more_there_is(findings: Findings) -> None:
    answers = many_answers(20)
    everything = replace(answers, teacher=np.full_like(answers.teacher, 9.0))
    text = visible(replace(of_sets(findings), answers=everything), many_texts(20))
    # Of 20 answered labels 19 are extra or right, and 12 are shown.
    assert "and 8 more" in text


def test_the_f1_of_each_label_is_a_pair_of_marks(findings: Findings) -> None:
    picture = drawn(of_sets(findings), "labels")
    gaps, teacher, student = picture["data"]
    assert (teacher["x"], student["x"]) == ([0, 1, 1], pytest.approx([0, 0, 2 / 3]))
    assert (teacher["name"], student["name"]) == ("teacher", "student")
    assert gaps["x"][3:6] == [1, 0, None]
    assert picture["layout"]["yaxis"]["ticktext"] == ["broken (1)", "&lt;b&gt;好&lt;/b&gt; (1)", "late (2)"]
    assert picture["layout"]["yaxis"]["range"] == [2.6, -0.6]  # The first at the top.
    assert student["hovertext"][0] == (
        "<b>broken</b>: 1 test text<br>teacher: F1 0.000, from 0.500 on<br>student: F1 0.000, from 0.400 on"
    )


@pytest.mark.parametrize(
    ("answers", "n_shown", "height", "said"),
    [
        (many_answers(29), 28, 150 + 26 * 28, "Of 28 of 29 labels, as the others have no test text, the F1 on test"),
        (many_answers(91), 90, 150 + 20 * 90, "Of 90 of 91 labels, as the others have no test text, the F1 on test"),
        (many_answers(201), 100, 150 + 20 * 100, "Of 100 of 201 labels, those with the lowest, the F1 on test"),
    ],
)
def test_many_labels_have_a_row_each_up_to_a_hundred(
    findings: Findings, answers: Answers, n_shown: int, height: int, said: str
) -> None:
    found = replace(of_sets(findings), answers=answers)
    layout = drawn(found, "labels")["layout"]
    assert len(layout["yaxis"]["ticktext"]) == n_shown
    assert layout["height"] == height
    assert "label 1 of a long list of la… (1)" in layout["yaxis"]["ticktext"]
    assert next(one for one in draw(found)[0] if one.name == "labels").caption.startswith(said)


def test_calibration_is_over_pairs_of_texts_and_labels(findings: Findings) -> None:
    picture = drawn(of_sets(findings), "calibration")
    student = next(one for one in picture["data"] if one.get("name", "").startswith("student"))
    assert student["name"] == f"student, calibration error {4.65 / 11:.3f}"
    assert student["hovertext"][0] == (
        "<b>student</b>: 3 pairs<br>mean probability of the label 0.150, share with the label 0.000"
    )
    assert picture["layout"]["xaxis2"]["title"]["text"] == "probability of the label"
    assert picture["layout"]["yaxis2"]["type"] == "log"
    assert picture["layout"]["yaxis2"]["tickvals"] == pytest.approx([0.01, 0.1, 1])
    caption = next(one for one in draw(of_sets(findings))[0] if one.name == "calibration").caption
    assert caption.startswith("Over all pairs of a test text and a label, without unknown labels")


def test_of_a_search_without_answers_the_missing_picture_is_that_of_labels(findings: Findings) -> None:
    _, missing = draw(replace(of_sets(findings), answers=None))
    assert missing == [
        "Calibration: needs answers on the test texts",
        "Accuracy against coverage: needs answers on the test texts",
        "F1 of each label: needs answers on test texts that have labels",
    ]
