from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from distune.corpora.json_records import read_json
from distune.corpora.texts import CorpusError

ROWS = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ('{"text": "a", "label": "x"}\n\n{"text": "b", "label": "y"}\n', "lines"),
        ('[{"text": "a", "label": "x"},\n {"text": "b", "label": "y"}]', "array"),
        ('{"text": {"0": "a", "1": "b"}, "label": {"1": "y", "0": "x"}}', "columns"),
        ('{"text": ["a", "b"], "label": ["x", "y"]}', "columns"),
        ('{"columns": ["text", "label"], "index": [0, 1], "data": [["a", "x"], ["b", "y"]]}', "split"),
        ('\n{"text": "a", "label": "x"}\r{"text": "b", "label": "y"}'.replace("\n", "\r"), "lines"),
        ('{"0": {"text": "a", "label": "x"}, "1": {"text": "b", "label": "y"}}', "index"),
        ('{"version": 1, "data": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]}', "data"),
    ],
)
def test_each_form_of_a_table_gives_its_records(content: str, form: str) -> None:
    assert read_json(content, "a.json")[:2] == (ROWS, form)


def test_strings_stay_strings() -> None:
    content = '{"text": "2024-01-01", "label": "1.0"}\n{"text": "12:30", "label": "true"}\n'
    assert read_json(content, "a.json")[0] == [
        {"text": "2024-01-01", "label": "1.0"},
        {"text": "12:30", "label": "true"},
    ]


def test_a_line_ends_at_line_feeds_alone() -> None:
    assert read_json('{"text": "a\u2028b"}\r\n{"text": "c\u0085"}', "a")[0] == [
        {"text": "a\u2028b"},
        {"text": "c\u0085"},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": ', "a.json: line 2 cannot be read as JSON"),
        ('{"text": "a"}\n"b"\n', "a.json: line 2 must be an object such as"),
        ('{"text": "a", "text": "b"}', "an object has two keys 'text'"),
        ('{"text": "a"}\n{"text": "a", "text": "b"}', "line 2 .* an object has two keys 'text'"),
        ('["a", "b"]', "row 1 must be an object such as"),
        ("3", "must be an array of objects, or an object a line, but is a int"),
        ('{"text": ["a", "b"], "label": ["x"]}', "its columns text, label are not of one length"),
        ('{"text": {"0": "a"}, "label": {"1": "x"}}', "the column 'label' has other rows than 'text'"),
        (
            '{"columns": ["text"], "data": [["a"], ["b", "x"]]}',
            "a.json: row 2 has 2 values, but the table has 1 column: text",
        ),
        ('{"a": 1}', "must be an array of objects, or an object a line; its keys are a"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_json(content, "a.json")
    assert "\n" not in str(caught.value)


def test_numbers_for_names_of_rows_and_columns_are_told_apart_by_the_columns_that_are_wanted_or_refused() -> None:
    for content in ('{"0": {"0": "a", "1": "b"}, "1": {"0": "x", "1": "y"}}', '{"0": {"0": "a", "1": "x"}}'):
        for wanted in ((), ("text", "label"), ("0", "1")):
            with pytest.raises(CorpusError, match="has numbers for names of its columns and of its rows"):
                read_json(content, "a.json", wanted)
    by_column = '{"0": {"7": "a", "8": "b"}, "1": {"7": "x", "8": "y"}}'
    assert read_json(by_column, "a.json", ("0", "1"))[:2] == ([{"0": "a", "1": "x"}, {"0": "b", "1": "y"}], "columns")
    by_row = '{"r1": {"text": "a", "label": "x"}, "r2": {"text": "b", "label": "y"}}'
    assert read_json(by_row, "a.json", ("text", "label"))[:2] == (ROWS, "index")


def test_one_record_with_an_array_is_a_record() -> None:
    record = {"text": "a b", "label": "x", "tokens": [{"text": "a"}, {"text": "b"}]}
    content = '{"text": "a b", "label": "x", "tokens": [{"text": "a"}, {"text": "b"}]}\n'
    assert read_json(content, "a.jsonl", ("text", "label"))[:2] == ([record], "lines")
    assert read_json(content, "a.jsonl", ("text",))[:2] == ([record], "lines")
    wrapped = '{"label": "topics", "data": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]}'
    assert read_json(wrapped, "a.json", ("text", "label"))[:2] == (ROWS, "data")


def test_numbers_lose_no_digit() -> None:
    content = '{"text": 12345678901234567890.123, "score": 0.5}\n{"text": 1.50, "score": 7}\n'
    assert read_json(content, "a.jsonl")[0] == [
        {"text": Decimal("12345678901234567890.123"), "score": 0.5},
        {"text": Decimal("1.50"), "score": 7},
    ]


def test_two_columns_of_a_name_are_refused() -> None:
    with pytest.raises(CorpusError, match=r"a\.json: has two columns 'text'; rename one of them"):
        read_json('{"columns": ["text", "text"], "data": [["a", "x"]]}', "a.json")


@pytest.mark.parametrize("content", ['{"text": DEEP}\n{"text": DEEP}\n', '[{"text": DEEP}]'])
def test_what_is_too_deep_is_refused(content: str) -> None:
    deep, limit = "[" * 400 + "]" * 400, sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        with pytest.raises(CorpusError, match="stand too deep within each other"):
            read_json(content.replace("DEEP", deep), "a.json")
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson"])
def test_one_object_in_a_file_of_json_lines_is_a_row_whatever_it_holds(ending: str) -> None:
    for content, record in (
        ('{"text": ["a"]}\n', {"text": ["a"]}),
        ('{"data": {"text": "a"}}', {"data": {"text": "a"}}),
        ('{"version": 1, "data": [{"text": "a"}]}\r\n', {"version": 1, "data": [{"text": "a"}]}),
    ):
        assert read_json(content, "a", ("text",), ending)[:2] == ([record], "lines")
    assert read_json('[{"text": "a"}]', "a", ("text",), ending)[:2] == ([{"text": "a"}], "array")


def test_the_names_of_rows_are_kept() -> None:
    for content in (
        '{"text": {"r1": "a", "r2": "b"}}',
        '{"r1": {"text": "a"}, "r2": {"text": "b"}}',
        '{"columns": ["text"], "index": ["r1", "r2"], "data": [["a"], ["b"]]}',
    ):
        assert read_json(content, "a.json", ("text",)).row_names == ["r1", "r2"]
