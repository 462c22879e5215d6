"""Several labels a text as other programs write them: places of zeros and ones, printed lists, rows of one label, columns of truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import LabelSet
from distune.corpora.texts import CorpusError


def read(path: Path, named: tuple[str, ...] = (), **settings: Any) -> tuple[list[Any], list[str]]:
    notes: list[str] = []
    rows = read_rows(FileConfig(path=str(path), **settings), named=named, notes=notes)
    return [row.label for row in rows], [note.strip() for note in notes[1:]]


def of_lines(folder: Path, *labels: Any, **settings: Any) -> tuple[list[Any], list[str]]:
    path = folder / "a.jsonl"
    lines = [json.dumps({"text": f"text {i}", "label": label}) for i, label in enumerate(labels)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read(path, multi_label=True, **settings)


def of_cells(folder: Path, *cells: str, **settings: Any) -> list[Any]:
    path = folder / "a.tsv"
    lines = [f"text {i}\t{cell}" for i, cell in enumerate(cells)]
    path.write_text("\n".join(["text\tlabel", *lines, ""]), encoding="utf-8")
    return read(path, **settings)[0]


def of_columns(folder: Path, *lines: str, **settings: Any) -> tuple[list[Any], list[str]]:
    path = folder / "a.csv"
    path.write_text("\n".join(["text,late,broken", *lines, ""]), encoding="utf-8")
    return read(path, **{"label_columns": ("late", "broken"), **settings})


def sets(*labels: str) -> list[LabelSet]:
    """The sets of labels that are joined by a bar, an empty text for none."""
    return [LabelSet(tuple(one.split("|")) if one else ()) for one in labels]


@pytest.mark.parametrize(
    "labels",
    [
        ([0, 1, 0], [0, 0, 1]),
        ([0.0, 1.0, 1.0], [0.0, 0.0, 1.0]),
        ([True, False, False], [True, True, False]),
        ("[0 1 0]", "[1 0 0]"),
    ],
    ids=["ints", "floats", "truth", "numpy"],
)
def test_lists_of_zeros_and_ones_at_the_places_of_labels_are_refused(tmp_path: Path, labels: Any) -> None:
    with pytest.raises(CorpusError, match=r"the labels are lists of 3 zeros and ones.*corpus.label_columns"):
        of_lines(tmp_path, *labels)


def test_a_map_of_java_or_duckdb_says_of_each_label_whether_the_text_has_it(tmp_path: Path) -> None:
    cells = ("{late=1, broken=0}", "{late=true,broken=false}", '{"late"=0, broken=1}', "{late=0, broken=0}")
    assert of_lines(tmp_path, *cells)[0] == sets("late", "late", "broken", "")


def test_so_are_lists_of_two_places_of_which_one_is_set_in_every_row(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the labels are lists of 2 zeros and ones, such as \[1, 0\]"):
        of_lines(tmp_path, [1, 0], [0, 1], [1, 0])


def test_lists_of_the_labels_0_and_1_are_labels(tmp_path: Path) -> None:
    assert of_lines(tmp_path, [0, 1], [1], [])[0] == sets("0|1", "1", "")


@pytest.mark.parametrize(
    "cells",
    [
        ("[customer service, late]", "[customer service]", "[]"),
        ('{"customer service",late}', '{"customer service"}', "{}"),
        ("{'customer service', 'late'}", "{'customer service'}", "set()"),
        ("frozenset({'customer service', 'late'})", "frozenset({'customer service'})", "frozenset()"),
        ("array(['customer service', 'late'], dtype=object)", "array(['customer service'])", "array([], dtype=object)"),
    ],
    ids=["java", "postgresql", "sets", "frozensets", "arrays"],
)
def test_printed_lists_keep_labels_of_two_words(tmp_path: Path, cells: tuple[str, ...]) -> None:
    assert of_cells(tmp_path, *cells, multi_label=True) == sets("customer service|late", "customer service", "")


@pytest.mark.parametrize("cell", [r"""['it\'s "late"', 'a, b']""", r'{"it\'s \"late\"","a, b",x}'])
def test_escaped_marks_in_printed_lists_belong_to_labels(tmp_path: Path, cell: str) -> None:
    (found, _) = of_cells(tmp_path, cell, "['x']", multi_label=True)
    assert {'it\'s "late"', "a, b"} <= set(found.has)


def test_a_sign_within_a_label_of_a_list_joins_nothing(tmp_path: Path) -> None:
    found, _ = of_lines(tmp_path, ["rock & roll", "rock"], ["roll"], ["food, price"], ["food, taste"])
    assert found == sets("rock|rock & roll", "roll", "food, price", "food, taste")


def test_a_label_that_looks_like_none_is_one_if_the_study_names_it(tmp_path: Path) -> None:
    named = ("None", "late")
    assert of_lines(tmp_path, ["None", "late"], ["None"], named=named)[0] == sets("None|late", "None")
    assert of_cells(tmp_path, "None|late", "None", separator="|", named=named) == sets("None|late", "None")
    with pytest.raises(CorpusError, match=r"has the label 'None'.*name every label in `labels:`"):
        of_lines(tmp_path, ["None", "late"])


def test_a_label_that_may_mean_none_and_stands_alone_is_told(tmp_path: Path) -> None:
    _, notes = of_lines(tmp_path, ["no label"], ["late"], ["late", "broken"])
    assert notes == [
        "the label 'no label' has 1 row: if it means that there is none, name the other labels in `labels:`, and its rows have no label"
    ]


def test_unknown_labels_of_objects_are_told_and_a_row_of_them_alone_is_refused(tmp_path: Path) -> None:
    found, notes = of_lines(tmp_path, {"late": 1, "broken": None}, {"late": -1, "broken": 0}, {"late": 0, "broken": 1})
    assert found == [LabelSet(("late",), ("broken",)), LabelSet((), ("late",)), LabelSet(("broken",))]
    assert "2 labels are unknown: no loss and no score counts them" in notes
    with pytest.raises(CorpusError, match=r"1 row has no 'label', such as line 2.*corpus.empty_cell to `unknown`"):
        of_lines(tmp_path, {"late": 1, "broken": 0}, {"late": None, "broken": None})


def test_objects_that_do_not_name_all_labels_are_told(tmp_path: Path) -> None:
    found, notes = of_lines(tmp_path, {"late": 1}, {"broken": 1, "late": 0})
    assert found == sets("late", "broken")
    assert notes == [
        "1 object does not name all of 2 labels; a label that an object does not name is one that its text has not"
    ]


def test_an_arrow_map_is_an_object(tmp_path: Path) -> None:
    maps = pa.array([[("late", 1), ("broken", 1)], [("late", 0)]], pa.map_(pa.string(), pa.int8()))
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "label": maps}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", multi_label=True)[0] == sets("broken|late", "")


def test_names_of_labels_in_objects_are_spelt_as_labels_are(tmp_path: Path) -> None:
    assert of_lines(tmp_path, {"Qualita\u0308t": 1, " late": 0}, {"Qualit\u00e4t": 1, "late": 1})[0] == sets(
        "Qualit\u00e4t", "Qualit\u00e4t|late"
    )


def test_a_text_has_a_renamed_label_if_one_of_its_old_names_says_so(tmp_path: Path) -> None:
    found, _ = of_lines(tmp_path, {"late": 1, "tardy": None}, {"late": 0, "tardy": 1}, rename={"tardy": "late"})
    assert found == sets("late", "late")
    found, notes = of_columns(tmp_path, "a,1,0", "b,0,1", rename={"broken": "late", "lost": "late"})
    assert found == sets("late", "late")
    assert notes == ["`rename` has labels that no row has: 'lost'"]


@pytest.mark.parametrize(
    ("yes", "no"), [("1.000000", "0.000000"), ("1e0", "0e0"), ("t", "f"), ("TRUE", "FALSE"), ("Yes", "No")]
)
def test_zeros_and_ones_are_read_in_the_spellings_of_programs(tmp_path: Path, yes: str, no: str) -> None:
    assert of_columns(tmp_path, f"a,{yes},{no}", f"b,{no},{yes}")[0] == sets("late", "broken")


def test_columns_of_ones_and_empty_cells_need_the_meaning_of_an_empty_cell(tmp_path: Path) -> None:
    lines = ("a,1,", "b,,1", "c,,")
    with pytest.raises(CorpusError, match=r"1 or unknown, and never 0.*corpus.empty_cell: no_labels"):
        of_columns(tmp_path, *lines)
    found, notes = of_columns(tmp_path, *lines, empty_cell="no_labels")
    assert found == sets("late", "broken", "")
    assert notes == ["4 empty cells are taken for 0 (corpus.empty_cell)"]


def test_rows_of_which_no_column_knows_a_label_are_left_out_on_request(tmp_path: Path) -> None:
    lines = ("a,1,0", "b,-1,-1", "c,0,1")
    with pytest.raises(CorpusError, match=r"1 row has no 'late or broken', such as line 3.*`unknown`"):
        of_columns(tmp_path, *lines)
    assert of_columns(tmp_path, *lines, empty_cell="unknown")[0] == sets("late", "broken")
    with pytest.raises(CorpusError, match="no row has a known label"):
        of_columns(tmp_path, "b,-1,-1", empty_cell="unknown")


def test_a_label_that_no_row_has_is_told(tmp_path: Path) -> None:
    _, notes = of_columns(tmp_path, "a,1,0", "b,0,0")
    assert notes == ["no row has the label 'broken'; a label that no row of the source has is no label of the study"]


def test_a_null_is_an_empty_cell(tmp_path: Path) -> None:
    assert of_lines(tmp_path, None, ["late", "broken"], empty_cell="no_labels")[0] == sets("", "broken|late")
    assert of_lines(tmp_path, None, ["late", "broken"], empty_cell="unknown")[0] == sets("broken|late")


def test_names_of_classes_say_which_number_of_a_column_is_yes(tmp_path: Path) -> None:
    features = {
        "late": {"names": ["yes", "no"], "_type": "ClassLabel"},
        "broken": {"names": ["whole", "broken"], "_type": "ClassLabel"},
    }
    table = pa.table({"text": ["a", "b"], "late": [0, 1], "broken": [1, 0]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", label_columns=("late", "broken"))[0] == sets("broken|late", "")


def test_a_table_with_a_row_for_each_label_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,late\na,broken\nb,late\nb,late\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="no row has several labels, and 1 text has several rows with different ones"):
        read(path, multi_label=True)


def test_a_separator_that_no_cell_has_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,late\nb,broken\n", encoding="utf-8")
    assert read(path, separator="|")[1] == [
        "no cell has the separator '|': no text has several labels, unless a list says so"
    ]


def test_labels_of_one_row_each_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="its rows have 20 distinct labels"):
        of_lines(tmp_path, *([f"id {i}"] for i in range(20)))


def test_rows_that_do_not_count_do_not_count_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,late,broken,answer\na,1,1,accept\nb,1,0,accept\nc,,,reject\n", encoding="utf-8")
    found, notes = read(path, label_columns=("late", "broken"), empty_cell="no_labels")
    assert found == sets("broken|late", "late")
    assert not any("empty" in note for note in notes)


def test_numbers_name_columns_and_no_column_is_named_twice() -> None:
    assert FileConfig.model_validate({"path": "a.csv", "label_columns": [0, 1]}).label_columns == ("0", "1")
    with pytest.raises(ValidationError, match="label_columns names 'late' twice"):
        FileConfig.model_validate({"path": "a.csv", "label_columns": ["late", "late"]})


def test_a_column_has_its_name_however_its_umlauts_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,Qualita\u0308t,late\na,1,0\nb,0,1\n", encoding="utf-8")
    assert read(path, label_columns=("Qualit\u00e4t", "late"))[0] == sets("Qualit\u00e4t", "late")


def test_labels_in_lines_of_a_cell_are_several(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\na,"late\nbroken"\nb,"late\nlost"\n', encoding="utf-8")
    with pytest.raises(
        CorpusError, match=r'line 2 are the text .late.nbroken.: set corpus\.separator: "\\n" if'
    ) as caught:
        read(path, multi_label=True)
    assert "\n" not in str(caught.value)
    with pytest.raises(CorpusError, match=r'looks like several labels, late and broken; set corpus\.separator: "\\n"'):
        read(path)
    assert read(path, separator="\n")[0] == sets("broken|late", "late|lost")


def test_a_list_of_objects_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"must be a list of names, but got .*; write the name of each label in place of"
    ):
        of_lines(tmp_path, [{"displayName": "late"}, {"displayName": "broken"}])
