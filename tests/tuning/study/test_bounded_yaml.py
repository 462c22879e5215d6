"""What YAML may ask for in a few lines, and does not get."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from distune.tuning.study.bounded_yaml import dump_yaml, parse_setting, parse_yaml
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import load_study
from tests.fuzz.mutations import LAUGHS

REFUSED = {
    "a thousand million of x by aliases": (
        LAUGHS.decode(),
        r"with its aliases it has [\d,]+ values; a study has 100,000 at most",
    ),
    "an alias of what it stands in": ("a: &a [1, *a]", "an alias in line 1 names a block that contains the alias"),
    "a deep block": ("[" * 60 + "]" * 60, "blocks stand more than 50 deep within each other"),
    "a block deeper than Python goes": ("[" * 100_000, "its blocks stand too deep within each other"),
    "a number of 5,000 digits": (f"a: 1\nb: {'9' * 5000}", "line 2: a number of 5,000 digits"),
    "no date": ("a: 2020-99-99", "is not YAML: month must be in 1..12"),
    "a control character": ("a: \x01", "is not YAML: unacceptable character"),
    "an object of Python": (
        "a: !!python/object/apply:os.system [true]",
        "is not YAML: could not determine a constructor",
    ),
    "a million characters": ("#" * 1_000_001, "has 1,000,001 characters; a study has 1,000,000 at most"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_beyond_the_limits_is_refused_in_a_line(what: str, tmp_path: Path) -> None:
    text, line = REFUSED[what]
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=rf"study\.yaml:? .*{line}|study\.yaml: {line}") as raised:
        load_study(path)
    assert "\n" not in str(raised.value)


def test_what_studies_have_is_read() -> None:
    document = parse_yaml("a: &a {x: 1e-4, y: [1, 2]}\nb: *a\nc: {<<: *a, y: 0x10}\nd: 12345678901234567890\n", "s")
    assert document == {
        "a": {"x": 0.0001, "y": [1, 2]},
        "b": {"x": 0.0001, "y": [1, 2]},
        "c": {"x": 0.0001, "y": 16},
        "d": 12345678901234567890,
    }
    assert parse_yaml("", "s") is None


def test_an_override_is_limited_as_well(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: x\n")
    with pytest.raises(StudyError, match=r"^--set search\.trials: line 1: a number of 5,000 digits"):
        load_study(path, [f"search.trials={'9' * 5000}"])


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("|", "|"),
        ("#", "#"),
        ("-", "-"),
        (":", ":"),
        (",", ","),
        (" ; ", ";"),
        ('"|"', "|"),
        ("@home", "@home"),
        ("late: parcels: all", "late: parcels: all"),
        ("%a", "%a"),
        ("null", None),
        ("~", None),
        ("", None),
        ("[a, b]", ["a", "b"]),
        ("{a: 1}", {"a": 1}),
        ("-1", -1),
    ],
)
def test_a_setting_of_a_command_is_yaml_or_else_text(given: str, value: object) -> None:
    assert parse_setting("corpus.separator", given) == value


@pytest.mark.parametrize("given", ["[a, b", "{a: 1", '"a', "'a"])
def test_a_list_or_quotation_marks_without_an_end_are_refused_with_how_to_quote(given: str) -> None:
    with pytest.raises(
        StudyError, match=r"is not YAML: .*put it in quotation marks .*--set 'corpus\.separator=\"\.\.\.\"'"
    ) as refused:
        parse_setting("corpus.separator", given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 010", {"a": "010"}),  # 8 in YAML 1.1
        ("a: 1:30", {"a": "1:30"}),  # 90 in YAML 1.1
        ("a: 1e-4", {"a": 1e-4}),
        ("a: -1.5", {"a": -1.5}),
        ("a: 1_000", {"a": 1000}),
        ("1: 2\nyes: 3\n~: 4\n2024-01-01: 5", {"1": 2, "yes": 3, "~": 4, "2024-01-01": 5}),
        ("x: &b {a: 1}\ny: {<<: *b, a: 2}", {"x": {"a": 1}, "y": {"a": 2}}),
    ],
)
def test_numbers_are_what_everybody_takes_for_one_and_keys_are_text(text: str, value: object) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' occurs twice in one block, in line 1 and in line 3"),
        ("a: {b: 1, b: 2}", "the key 'b' occurs twice in one block, in line 1 and in line 1"),
        ("? [1]\n: 2", "line 1: a key must be text, not a list or a block"),
    ],
)
def test_a_key_that_stands_twice_or_is_no_text_is_refused(text: str, fault: str) -> None:
    with pytest.raises(StudyError, match=re.escape(fault)):
        parse_yaml(text)


@pytest.mark.parametrize(
    "value",
    ["1e3", "010", "1:30", "yes", "2024-01-01", "~", "", 1e-5, 7, True, None, ["1.5", 1.5], {"1": {"no": "null"}}],
)
def test_what_is_written_is_read_back_as_it_was(value: object) -> None:
    assert parse_yaml(dump_yaml({"a": value})) == {"a": value}
