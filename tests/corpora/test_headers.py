"""Names of columns that are no row, and rows that only look like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError

COLUMNS = ("label", "text")


def write(tmp_path: Path, first: str, rows: str) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(first + rows, encoding="utf-8")
    return path


@pytest.mark.parametrize("first", ["class,sentence", "y,kommentar", "kategorie,review", "标签,内容"])
def test_a_header_of_other_names_is_refused_where_the_study_names_the_columns(tmp_path: Path, first: str) -> None:
    path = write(tmp_path, f"{first}\n", "0,a\n1,b\n0,c\n")
    with pytest.raises(
        CorpusError, match=r"its first row, with the text .* looks like the names of its columns; leave"
    ):
        read_rows(FileConfig(path=path, columns=COLUMNS))


@pytest.mark.parametrize(("label", "text"), [("topic", "a"), ("neg", "review")])
def test_a_first_row_whose_label_is_a_class_is_a_row(tmp_path: Path, label: str, text: str) -> None:
    path = write(tmp_path, f"{label},{text}\n", "pos,b\nneg,c\npos,d\ntopic,e\n")
    notes: list[str] = []
    assert read_rows(FileConfig(path=path, columns=COLUMNS), notes=notes)[0] == Row(text, label)
    assert len(notes) == 1


def test_the_study_may_say_that_it_is_a_row(tmp_path: Path) -> None:
    path = write(tmp_path, "topic,a\n", "pos,b\npos,c\n")
    assert len(read_rows(FileConfig(path=path, columns=COLUMNS), named=("topic", "pos"))) == 3
    assert len(read_rows(FileConfig(path=path, columns=COLUMNS, rename={"topic": "pos"}))) == 3


def test_a_first_row_that_may_be_a_header_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "kategorie,kommentar\n", "".join(f"{'ab'[n % 2]},t{n}\n" for n in range(40)))
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=path, columns=COLUMNS), notes=notes)) == 41
    assert notes[1:] == [
        "  its first row has the text 'kommentar' and the label 'kategorie', which no other row has; is it a row?"
    ]


def test_a_text_that_is_what_columns_are_called_is_told_where_there_are_no_labels(tmp_path: Path) -> None:
    path = write(tmp_path, "sentence\n", "a\nb\n")
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=path, columns=("text",)), labelled=False, notes=notes)) == 3
    assert notes[1:] == [
        "  its first row has the text 'sentence', which is what columns are called, and is read as a text"
    ]


R_TABLES = {
    "spaces": '"text" "label"\n"1" "a good one" "pos"\n"2" "bad" "neg"\n',
    "spaces, no marks": "text label\n1 good pos\n2 bad neg\n",
    "tabs": "text\tlabel\n1\tgood\tpos\n2\tbad\tneg\n",
    "quoted tabs": '"text"\t"label"\n"1"\t"good"\t"pos"\n"7"\t"bad"\t"neg"\n',
}


@pytest.mark.parametrize("skip_bad_rows", [False, True])
@pytest.mark.parametrize("form", R_TABLES)
def test_rows_with_names_as_r_writes_them_are_refused_in_a_line(tmp_path: Path, form: str, skip_bad_rows: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_text(R_TABLES[form], encoding="utf-8")
    with pytest.raises(CorpusError, match=r"R's write\.table .*; .* by write\.csv\(\.\.\., row\.names = FALSE\)"):
        read_rows(FileConfig(path=path, skip_bad_rows=skip_bad_rows))


def test_a_comma_in_each_text_is_no_name_of_a_row(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="2 of 3 rows have another number of columns than the header"):
        read_rows(FileConfig(path=write(tmp_path, "text,label\n", "good, cheap,pos\nbad, dear,neg\n")))


def test_a_separator_at_the_end_of_each_row_is_no_name_of_a_row(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="2 of 3 rows have another number of columns than the header"):
        read_rows(FileConfig(path=write(tmp_path, "text,label\n", "a,0,\nb,1,\n")))
