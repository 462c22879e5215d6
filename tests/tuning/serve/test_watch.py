"""`distune watch`: later texts compared with dev, or with earlier ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.encoding import load_encoder
from distune.models.predictor import Predictor
from distune.models.profile import Profile, profile_of
from distune.tuning.cli import main
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student

USUAL = ["好书", "书好", "好", "差书x"] * 100
OTHERS = ["xyz", "好abc"] * 100
Watch = Callable[..., tuple[int, list[str], dict[str, Any], str]]


def profile_by(folder: Path, texts: list[str]) -> Profile:
    return profile_of(Predictor(folder, load_encoder(folder)).answered(texts))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that remembers its answers to the usual texts."""
    place = tmp_path_factory.mktemp("watched")
    checkpoint = checkpoint_of(STUDENTS[0])
    remembered = profile_by(save_student(checkpoint, place / "without"), USUAL)
    return save_student(replace(checkpoint, dev_profile=remembered), place / "student")


@pytest.fixture
def watch(capsys: pytest.CaptureFixture[str]) -> Watch:
    """Runs the command; gives its exit code, the lines for people, the last line's object, and stderr."""

    def run(*arguments: object) -> tuple[int, list[str], dict[str, Any], str]:
        with pytest.raises(SystemExit) as ended:
            main(["watch", *map(str, arguments)])
        said = capsys.readouterr()
        *lines, last = said.out.splitlines() or ["{}"]
        return int(ended.value.code or 0), lines, json.loads(last), said.err

    return run


def lines_of(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def test_texts_as_those_of_dev_have_not_moved(folder: Path, tmp_path: Path, watch: Watch) -> None:
    code, lines, found, _ = watch(folder, lines_of(tmp_path / "day.txt", USUAL[:200]))
    assert code == 0
    assert lines[0] == "200 texts, compared with 400 texts of dev"
    assert lines[-1] == "nothing has moved"
    assert (found["texts"], found["texts_before"], found["moved"]) == (200, 400, [])


def test_texts_of_another_kind_have_moved_and_end_with_3(folder: Path, tmp_path: Path, watch: Watch) -> None:
    code, lines, found, _ = watch(folder, lines_of(tmp_path / "day.txt", OTHERS))
    assert code == 3
    assert "unknown tokens" in found["moved"]
    assert (
        "  unknown tokens: moved, a difference of 1.000 (p < 1e-06): 100.0% of the texts have a share of 0.75 or more, and 0.0% of dev's"
        in lines
    )
    assert lines[-1].startswith("moved: ")
    assert found["measures"]["unknown tokens"]["now"] == 1.0


def test_texts_may_be_held_against_others_in_place_of_dev(folder: Path, tmp_path: Path, watch: Watch) -> None:
    earlier, later = lines_of(tmp_path / "earlier.txt", OTHERS), lines_of(tmp_path / "later.txt", OTHERS[:100])
    code, lines, found, _ = watch(folder, later, "--against", earlier)
    assert (code, found["moved"]) == (0, [])
    assert lines[0] == "100 texts, compared with 200 texts of before"


def test_the_rows_of_tables_are_read_as_predict_reads_them(folder: Path, tmp_path: Path, watch: Watch) -> None:
    rows = "".join(f'{i},"{text}",some\n' for i, text in enumerate([*USUAL[:100], ""]))
    (tmp_path / "day.csv").write_text(f"id,body,label\n{rows}", encoding="utf-8")
    code, _, found, said = watch(folder, tmp_path / "day.csv", "--text", "body")
    assert (code, found["texts"]) == (0, 100)
    assert "rows without a text, which do not count: 1" in said
    assert "texts: the column 'body'" in said


def test_answers_that_were_kept_are_watched_without_their_texts(
    folder: Path, tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["predict", str(folder), str(lines_of(tmp_path / "texts.txt", OTHERS))])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(capsys.readouterr().out, encoding="utf-8")
    code, _, found, _ = watch(folder, "--answers", answers)
    assert code == 3
    assert found["texts"] == 200
    by_texts = profile_by(folder, OTHERS)
    shares = found["measures"]["labels"]
    assert shares["now"] == by_texts.labels[["bad", "good"].index(shares["at"])] / 200
    # Half of the texts have a token that is known; an answer does not say how many are not.
    assert found["measures"]["unknown tokens"]["now"] == 0.5


def test_answers_that_are_as_those_to_dev_have_not_moved_though_they_do_not_say_how_much_is_unknown(
    folder: Path, tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["predict", str(folder), str(lines_of(tmp_path / "texts.txt", USUAL))])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(capsys.readouterr().out, encoding="utf-8")
    code, _, found, _ = watch(folder, answers, "--answers")
    assert (code, found["moved"]) == (0, [])
    # A quarter of the texts of dev have an unknown token, and none has no other.
    assert found["measures"]["unknown tokens"]["difference"] == 0


@pytest.mark.parametrize("flags", [["--text", "body"], ["--columns", "a,b"], ["--encoding", "gbk"]])
def test_settings_of_tables_are_refused_where_no_file_is_a_table(
    folder: Path, flags: list[str], tmp_path: Path, watch: Watch
) -> None:
    code, _, _, error = watch(folder, lines_of(tmp_path / "day.txt", USUAL), *flags)
    assert code == 2
    assert f"{flags[0]} is for tables, and no file is one" in error


def test_lines_are_not_read_from_a_uri_which_keeps_its_slashes(folder: Path, watch: Watch) -> None:
    code, _, _, error = watch(folder, "s3://bucket/answers.jsonl", "--answers")
    assert code == 2
    assert "s3://bucket/answers.jsonl: lines are read from files of this machine" in error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("好书", "line 1 is not JSON"),
        ("[1]", "line 1 must be an answer with label, probabilities and has_known_token"),
        ('{"label": "bad"}', "line 1 must be an answer with label, probabilities and has_known_token"),
        (
            '{"label": "neg", "probabilities": {"neg": 1, "pos": 0}, "has_known_token": true}',
            "line 1 is an answer of another student: this one has the labels bad, good",
        ),
        (
            '{"label": "bad", "probabilities": {"bad": true, "good": 0}, "has_known_token": true}',
            "line 1: probabilities must be numbers from 0 to 1",
        ),
        (
            '{"label": "bad", "probabilities": {"bad": 2, "good": 0}, "has_known_token": true}',
            "line 1: probabilities must be numbers from 0 to 1",
        ),
        (
            '{"label": "bad", "probabilities": {"bad": 1, "good": 0}, "has_known_token": "yes"}',
            "line 1: probabilities must be numbers from 0 to 1, and has_known_token true or false",
        ),
    ],
)
def test_what_is_no_answer_of_the_student_is_one_line(
    folder: Path, line: str, said: str, tmp_path: Path, watch: Watch
) -> None:
    code, _, _, error = watch(folder, lines_of(tmp_path / "answers.jsonl", [line]), "--answers")
    assert code == 2
    assert f"{tmp_path / 'answers.jsonl'}, {said}" in error
    assert error.count("\n") == 1


def test_a_folder_without_a_profile_asks_for_earlier_texts(tmp_path: Path, watch: Watch) -> None:
    folder = save_student(checkpoint_of(STUDENTS[0]), tmp_path / "student")
    code, _, _, error = watch(folder, lines_of(tmp_path / "day.txt", USUAL))
    assert code == 2
    assert "it has no dev_profile.json" in error
    assert "--against" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--false-alarms", "0"], "--false-alarms must be above 0 and below 1, but got 0"),
        (["--text-b", "other"], "this student answers single texts and no pairs"),
        (["--at-least", "2"], "needs a number from 0 to 1"),
    ],
)
def test_unusable_settings_are_one_line(
    folder: Path, arguments: list[str], said: str, tmp_path: Path, watch: Watch
) -> None:
    (tmp_path / "day.csv").write_text("text\n好书\n", encoding="utf-8")
    code, _, _, error = watch(folder, tmp_path / "day.csv", *arguments)
    assert code == 2
    assert said in error


def test_no_text_is_one_line(folder: Path, tmp_path: Path, watch: Watch) -> None:
    code, _, _, error = watch(folder, lines_of(tmp_path / "empty.txt", []))
    assert code == 2
    assert f"{tmp_path / 'empty.txt'} has no text" in error


def test_a_table_and_lines_are_not_mixed(folder: Path, tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "day.csv").write_text("text\n好书\n", encoding="utf-8")
    code, _, _, error = watch(folder, tmp_path / "day.csv", lines_of(tmp_path / "day.txt", USUAL))
    assert code == 2
    assert "is a text a line, but" in error


def test_files_may_stand_behind_the_flags(folder: Path, tmp_path: Path, watch: Watch) -> None:
    code, _, found, _ = watch(folder, "--at-least", "0.2", lines_of(tmp_path / "day.txt", USUAL))
    assert (code, found["texts"]) == (0, 400)
    code, _, _, error = watch(folder, "--unknown", lines_of(tmp_path / "other.txt", USUAL))
    assert code == 2
    assert "unrecognized arguments: --unknown" in error
