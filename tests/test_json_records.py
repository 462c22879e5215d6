from __future__ import annotations

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
    assert read_json(content, "a.json") == (ROWS, form)


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
        ('["a", "b"]', "element 1 must be an object such as"),
        ("3", "must be an array of objects, or an object a line, but is a int"),
        ('{"text": ["a", "b"], "label": ["x"]}', "its columns text, label are not of one length"),
        ('{"text": {"0": "a"}, "label": {"1": "x"}}', "the column 'label' has other rows than 'text'"),
        ('{"columns": ["text"], "data": [["a", "x"]]}', "a row has another number of values than the 1 columns text"),
        ('{"a": 1}', "must be an array of objects, or an object a line; its keys are a"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_json(content, "a.json")
    assert "\n" not in str(caught.value)
