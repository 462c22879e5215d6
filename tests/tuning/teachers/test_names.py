"""The labels in the words of a reply, if a text may have several."""

from __future__ import annotations

import pytest

from distune.tuning.teachers.names import Names, name_in, names_in

NAMES = ("broken", "late", "not late", "unknown")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"labels": ["late", "broken"]}', {"late", "broken"}),
        ('{"labels": []}', set()),
        ('{"why": "It says so.", "labels": ["late"]}', {"late"}),
        ('{"labels": "late, broken"}', {"late", "broken"}),
        ('{"late": 1, "broken": 0}', {"late"}),
        ('{"late": true, "broken": false}', {"late"}),
        ('["late", "Broken."]', {"late", "broken"}),
        ('["late", "late"]', {"late"}),
        ("[]", set()),
        ('["none"]', set()),
        ('```json\n["late"]\n```', {"late"}),
        ('```\n{"labels": ["late"]}\n```\n', {"late"}),
        ("late", {"late"}),
        ("**Late**", {"late"}),
        ("late, broken", {"late", "broken"}),
        ("late、broken。", {"late", "broken"}),
        ("late\nbroken\n", {"late", "broken"}),
        ("- late\n- not late", {"late", "not late"}),
        ("1. late\n2. broken", {"late", "broken"}),
        ("late | broken", {"late", "broken"}),
        ("none", set()),
        ("None.", set()),
        ("No labels", set()),
        ("unknown", {"unknown"}),
    ],
)
def test_a_list_of_names_is_read_in_each_spelling(content: str, found: set[str]) -> None:
    read = names_in(content, NAMES)
    assert read is not None
    assert read.names == found


@pytest.mark.parametrize(
    "content",
    [
        "It is late",
        "late and broken",
        'Here it is: {"labels": ["late"]}',
        '{"labels": ["late", "fast"]}',
        '{"labels": null}',
        '{"labels": ["late"], "labels": ["broken"]}',
        '{"labels": ["late"], "others": ["broken"]}',
        '{"late": 0.7, "broken": 0}',
        '{"labels": [["late"]]}',
        '{"labels": ["late", null]}',
        '{"labels": ["late", "none"]}',
        "{}",
        "null",
        "true",
        '["late"',
        "",
        '""',
    ],
)
def test_anything_else_is_no_list_of_names(content: str) -> None:
    assert names_in(content, NAMES) is None


def test_json_is_whole_and_words_may_go_on() -> None:
    assert names_in('["late"]', NAMES) == Names(frozenset({"late"}), is_whole=True)
    assert names_in("late, broken", NAMES) == Names(frozenset({"late", "broken"}), is_whole=False)


def test_a_label_may_be_a_number_hold_a_comma_or_be_called_none() -> None:
    assert names_in("1", ("0", "1")) == Names(frozenset({"1"}), is_whole=False)
    assert names_in("[1, 0]", ("0", "1")) == Names(frozenset({"0", "1"}), is_whole=True)
    assert names_in("late, again", ("late, again", "late")) == Names(frozenset({"late, again"}), is_whole=False)
    assert names_in("None", ("none", "late")) == Names(frozenset({"none"}), is_whole=False)


@pytest.mark.parametrize(
    "content",
    [
        "late",
        "Late!",
        "(late)",
        "[late]",
        "【late】",
        '"late"',
        '{"label": "late"}',
        '{"Label": "Late", "reason": "not late", "confidence": 0.9}',
        '{"sentiment": "late"}',
        '["late"]',
        '{"labels": ["late"]}',
        '```json\n{"label": "late"}\n```',
        "```\nlate\n```",
        '{"late": true, "broken": false}',
    ],
)
def test_one_name_is_read_in_each_spelling(content: str) -> None:
    assert name_in(content, NAMES) == "late"


@pytest.mark.parametrize(
    "content",
    [
        "late?",
        "not quite late",
        '["late", "broken"]',
        '["late"',
        '{"label": "late"',
        '{"label": "late", "category": "broken"}',
        '{"reason": "late", "verdict": "broken"}',
        '{"label": {"name": "late"}}',
        '{"label": null}',
        '{"label": "late", "label": "broken"}',
        '{"late": 0.9, "broken": 0.1}',
        '{"late": 1, "broken": 1}',
        "{}",
        "[]",
        "null",
    ],
)
def test_what_is_no_single_name_is_not_guessed(content: str) -> None:
    assert name_in(content, NAMES) is None


def test_a_name_may_be_a_number_in_json() -> None:
    assert name_in('{"label": 1}', ("0", "1")) == "1"
    assert name_in('{"label": true}', ("0", "1")) is None
    assert name_in("-1", ("0", "1")) is None
