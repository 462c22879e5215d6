from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from distune.corpora.cells import labels_of, texts_of
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError

ROWS = RowNames(file="a.csv")


def labels(*cells: Any, rename: dict[str, str] | None = None, named: Sequence[str] = ()) -> list[str | None]:
    return labels_of(cells, ROWS, rename or {}, named)


def test_labels_are_stripped() -> None:
    assert labels("pos", "pos ", "\u3000neg") == ["pos", "pos", "neg"]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        " ",
        None,
        math.nan,
        "nan",
        "NaN",
        "NaT",
        "null",
        "NULL",
        "(null)",
        "\\N",
        "None",
        "NA",
        "N/A",
        "<NA>",
        "[]",
        [],
    ],
)
def test_what_says_nothing_is_no_label(cell: Any) -> None:
    assert labels("a", cell, "b") == ["a", None, "b"]


def test_a_label_that_only_looks_like_none_is_one_where_the_study_names_it() -> None:
    assert labels("NA", "b", named=("NA", "b")) == ["NA", "b"]
    assert labels("none", "b") == ["none", "b"]  # A stance, as often as not.


def test_whole_floats_are_whole_numbers_where_all_numbers_are_whole() -> None:
    assert labels("1.0", "0.0", "1") == labels(1.0, 0.0, 1) == labels(Decimal("1.0"), "0", 1) == ["1", "0", "1"]
    assert labels("1.0", "1.5", "2.0") == labels(1.0, 1.5, 2.0) == ["1.0", "1.5", "2.0"]
    assert labels("1.00", ".00", "-.0") == ["1", "0", "-0"]  # As SPSS writes 0.
    assert labels("01", "1e3", "v1.0") == ["01", "1e3", "v1.0"]


def test_truth_values_are_spelt_as_json_spells_them() -> None:
    assert labels(True, False) == ["true", "false"]


def test_a_list_of_one_label_is_that_label_also_where_it_is_spelt() -> None:
    assert labels(["pos"], ("neg",), "['pos']", '["neg"]', "[x") == ["pos", "neg", "pos", "neg", "[x"]


@pytest.mark.parametrize("cell", [["pos", "neg"], "['pos', 'neg']", '["pos", "neg"]'])
def test_a_list_of_several_labels_is_refused(cell: Any) -> None:
    with pytest.raises(
        CorpusError, match=r"a\.csv: row 2 has 2 labels .*set corpus\.multi_label: true if a text has several"
    ):
        labels("pos", cell)


@pytest.mark.parametrize(
    "cells",
    [
        ("a", "b", "a|b"),
        ("a|c", "a|b", "b|c"),
        ("a;b", "b", "a"),
        ("a", "b", "a,b"),
        ("a", "b", "a#b"),
        ("x", "a", "b", "a | b"),
    ],
)
def test_labels_that_are_joined_in_one_cell_are_refused(cells: tuple[str, ...]) -> None:
    with pytest.raises(CorpusError, match=r"looks like several labels, a and [bc]; set corpus\.separator"):
        labels(*cells)


@pytest.mark.parametrize(
    "cell",
    ["['x' 'y']", "[0 1]", "[1 0 0]", "{x,y}", "{'x', 'y'}", "('x', 'y')", "[sports, news]", '{"choices": ["x", "y"]}'],
)
def test_lists_as_numpy_java_and_databases_spell_them_are_several_labels(cell: str) -> None:
    with pytest.raises(CorpusError, match=r"row 1 (has \d labels|is an object)|label of row 1 is an object"):
        labels(cell, "x", "y")


@pytest.mark.parametrize("cells", [("1,00", ",00"), ("1,0", "0,0", "2,0")])
def test_whole_numbers_with_a_decimal_comma_are_no_joined_labels(cells: tuple[str, ...]) -> None:
    with pytest.raises(CorpusError, match="the labels are numbers with a decimal comma, such as"):
        labels(*cells * 2)


def test_a_label_in_brackets_is_a_label() -> None:
    assert labels("[deleted]", "(a b)", "{x}", "[nan]", "['y']") == ["[deleted]", "(a b)", "x", None, "y"]


def test_brackets_around_every_label_are_those_of_a_list_of_one() -> None:
    notes: list[str] = []
    assert labels_of(["[neg]", "[not-ok]", "[neg]", "[]"], ROWS, {}, (), notes=notes) == ["neg", "not-ok", "neg", None]
    assert notes == [
        "  its labels have square brackets around them, as programs print a list of one, and are read without these"
    ]
    assert labels("[neg]", "[pos]", named=("[neg]", "[pos]")) == ["[neg]", "[pos]"]


@pytest.mark.parametrize("cell", ["{x=1, y=0}", "{x=0.5}", "{x=true}"])
def test_a_map_of_java_is_an_object(cell: str) -> None:
    with pytest.raises(CorpusError, match="the label of row 1 is an object"):
        labels(cell, "x")
    assert labels("{x=y}", "z") == ["x=y", "z"]


@pytest.mark.parametrize("joined", ["a b", "a/b", "a&b", "a+b", "a、b", "a，b"])
def test_labels_joined_by_any_sign_are_refused_where_all_parts_are_labels(joined: str) -> None:
    with pytest.raises(CorpusError, match="looks like several labels, a and b"):
        labels("a", "b", joined)
    assert labels("new york", "york", "other") == ["new york", "york", "other"]


def test_rows_that_all_have_a_label_of_their_own_have_none() -> None:
    with pytest.raises(CorpusError, match=r"30 rows have 30 distinct labels, such as 'u0', which are no classes"):
        labels(*(f"u{n}" for n in range(30)))
    assert len(labels(*(f"u{n % 15}" for n in range(30)))) == 30


def test_spaces_of_no_width_are_no_part_of_a_label() -> None:
    assert labels("pos", "pos\u200b", "\ufeffpos") == ["pos"] * 3


def test_truth_values_of_every_program_are_one() -> None:
    assert labels("True", "FALSE", "true") == ["true", "false", "true"]
    assert labels("True", "False", "Unsure") == ["True", "False", "Unsure"]


def test_a_sign_within_a_label_joins_none_where_its_parts_are_no_labels() -> None:
    assert labels("food, drink", "C#", "news|sport", "other") == ["food, drink", "C#", "news|sport", "other"]
    assert labels("a", "b", "a|b", named=("a", "b", "a|b")) == ["a", "b", "a|b"]


@pytest.mark.parametrize(
    "cells", [[str(n) for n in range(60)], [f"{n / 7:.2f}" for n in range(60)], [n / 2 for n in range(12)]]
)
def test_so_many_distinct_numbers_are_a_measure_and_no_classes(cells: list[Any]) -> None:
    with pytest.raises(
        CorpusError, match=rf"the labels are {len(cells)} distinct numbers from 0 to .* look like a measure"
    ):
        labels(*cells)


def test_numbers_are_classes_where_they_are_few_or_named() -> None:
    few = [str(n) for n in range(15)]
    assert labels(*few) == few
    many = [str(n) for n in range(60)]
    assert labels(*many, named=many) == many


def test_minus_one_is_missing_alone_a_class_beside_1_and_to_be_said_beside_0() -> None:
    assert labels("-1", -1) == [None, None]
    assert labels("-1", "1") == ["-1", "1"]
    with pytest.raises(CorpusError, match=r"-1 \(1 row\) may be a class .* `labels: \[0, 1\]` leaves its rows out"):
        labels("-1", "0", "1")
    assert labels("-1", "0", "1", named=("0", "1")) == ["-1", "0", "1"]
    assert labels("-1", "0", "1", rename={"-1": "bad"}) == ["bad", "0", "1"]


def test_numbers_of_named_classes_are_their_names_and_minus_one_is_none() -> None:
    assert labels_of([1, 0, -1, None], ROWS, {}, (), ("neg", "pos")) == ["pos", "neg", None, None]
    with pytest.raises(CorpusError, match="the label of row 1 is 2, but the file names 2 classes"):
        labels_of([2], ROWS, {}, (), ("neg", "pos"))


def test_labels_are_renamed_as_they_are_read() -> None:
    assert labels("1.0 ", "0", rename={"1": "pos", "NA": "none"}) == ["pos", "0"]
    assert labels("NA", "0", rename={"NA": "none"}) == ["none", "0"]


def test_an_object_is_no_label() -> None:
    with pytest.raises(
        CorpusError, match=r"the label of row 1 is an object, which is no label: .*`label: COLUMN.value`"
    ):
        labels({"value": "pos"})
    with pytest.raises(CorpusError, match="is a date, which is no label: 2024-01-02; write it as text"):
        labels(datetime.date(2024, 1, 2))


def test_texts_are_normalised_and_numbers_are_spelt() -> None:
    cells = [" e\u0301 ", 5, 7.5, Decimal("1.50"), "好".encode(), None, math.nan, "2024-01-01"]
    assert texts_of(cells, ROWS) == ["\u00e9", "5", "7.5", "1.50", "好", "", "", "2024-01-01"]


def test_half_a_character_becomes_the_sign_for_one_that_is_lost() -> None:
    assert texts_of(["a\ud83d"], ROWS) == ["a\ufffd"]


@pytest.mark.parametrize("cell", [True, ["a"], {"a": 1}, b"\xff"])
def test_what_is_no_text_is_refused(cell: Any) -> None:
    with pytest.raises(CorpusError, match=r"a\.csv: .*row 3"):
        texts_of(["a", "b", cell], ROWS)


def test_a_nul_character_is_refused_in_texts_and_labels() -> None:
    with pytest.raises(CorpusError, match=r"a\.csv: row 2 holds a NUL character, which no text has: 'a\\x00b'"):
        texts_of(["a", "a\x00b"], ROWS)
    with pytest.raises(CorpusError, match=r"a\.csv: row 2 holds a NUL character"):
        labels("x", "y\x00")


def test_a_label_is_spelt_as_the_study_names_it() -> None:
    scores = ("1.0", "2.0", "2.5")
    assert labels("1.0", "2.0", named=scores) == labels("1", 2, named=scores) == ["1.0", "2.0"]
    assert labels("1.0", 2.0, named=("1", "2")) == ["1", "2"]
    assert labels("True", "FALSE", True, named=("True", "False")) == ["True", "False", "True"]
    assert labels("1.0", "1", "01", named=("1.0", "1", "01")) == ["1.0", "1", "01"]
    assert labels("True", "1.0", rename={"True": "pos", "1.0": "neg"}) == ["pos", "neg"]
    assert labels(True, False, rename={"True": "pos", "FALSE": "neg"}) == ["pos", "neg"]


def test_what_is_renamed_and_does_not_occur_is_said() -> None:
    notes: list[str] = []
    labels_of(["1.0", "b"], ROWS, {"1": "pos", "yes": "pos"}, (), (), notes)
    assert notes == ["  `rename` has labels that no row has: 'yes'"]
