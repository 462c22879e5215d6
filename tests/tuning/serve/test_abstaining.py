"""Answers that abstain: by the command, by a request, and by a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.encoding import load_encoder
from distune.models.predictor import Predictor
from distune.tuning.cli import main
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.server import as_json, ask, served

TEXTS = ["好书", "差酒店", "好"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("abstaining") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place)


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """A server whose answers abstain unless they are certain, if a request does not say otherwise."""
    with served(folder, "--abstain-below", 1) as (_, port):
        yield port


@pytest.fixture(scope="module")
def by_hand(folder: Path) -> tuple[float, list[bool]]:
    """A probability that one of the three answers does not reach."""
    answers = Predictor(folder, load_encoder(folder)).answers(TEXTS)
    sure = [max(one["probabilities"].values()) for one in answers]
    below = sorted(sure)[1]
    return below, [one < below for one in sure]


def test_predict_marks_answers_that_are_less_sure(
    folder: Path, by_hand: tuple[float, list[bool]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    below, abstained = by_hand
    assert abstained.count(True) == 1
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="0"):
        main(["predict", str(folder), str(texts), "--abstain-below", str(below)])
    assert [json.loads(line)["abstained"] for line in capsys.readouterr().out.splitlines()] == abstained


@pytest.mark.parametrize("below", ["2", "-1", "nan", "some"])
def test_the_command_refuses_what_is_no_probability(
    folder: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", str(folder), f"--abstain-below={below}"])
    assert f"argument --abstain-below: needs a number from 0 to 1, but got {below!r}" in capsys.readouterr().err


def test_a_request_may_say_below_which_probability_an_answer_abstains(
    port: int, by_hand: tuple[float, list[bool]]
) -> None:
    below, abstained = by_hand
    status, found, _ = ask(port, f"/predict?abstain_below={below}", as_json({"texts": TEXTS}))
    assert (status, [one["abstained"] for one in found["answers"]]) == (200, abstained)
    table = as_json({"dataframe_records": [{"text": text} for text in TEXTS]})
    rows: Any = ask(port, f"/invocations?abstain_below={below}", table)[1]["predictions"]
    assert [one["abstained"] for one in rows] == abstained
    assert [one["abstained"] for one in ask(port, "/predict", as_json({"texts": TEXTS}))[1]["answers"]] == [True] * 3


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("abstain_below=2", 'abstain_below must be a number from 0 to 1, but got "2"'),
        ("abstain_below=nan", 'abstain_below must be a number from 0 to 1, but got "nan"'),
        ("abstain_below=", 'abstain_below must be a number from 0 to 1, but got ""'),
        ("abstain-below=0.5", "the query may have abstain_below=P once, and no other word for it"),
        ("abstain_below=0.5&abstain_below=0.6", "the query may have abstain_below=P once, and no other word for it"),
    ],
)
def test_a_request_that_says_no_probability_is_refused(port: int, query: str, reason: str) -> None:
    assert ask(port, f"/predict?{query}", as_json({"texts": ["好"]}))[:2] == (400, {"error": reason})
