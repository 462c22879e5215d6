from __future__ import annotations

from typing import Any

import pytest

from distune.corpora.delimited import read_columns
from distune.corpora.table_config import TableConfig
from distune.corpora.texts import CorpusError

EXPECTED = {"text": ["a", "b"], "label": ["1", "0"]}


def read(content: str, delimiter: str = ",", **settings: Any) -> tuple[dict[str, list[str]], list[str]]:
    return read_columns(content, delimiter, TableConfig(path="a.csv", **settings), ("text", "label"))[:2]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("text;label\na;1\nb;0\n", "its columns are separated by semicolons"),
        ("text\tlabel\na\t1\nb\t0\n", "its columns are separated by tabs"),
        ("text|label\na|1\nb|0\n", "its columns are separated by vertical bars"),
        ("sep=;\r\ntext;label\r\na;1\r\nb;0\r\n", "its columns are separated by semicolons"),
    ],
)
def test_what_separates_the_columns_is_told_from_their_names(content: str, note: str) -> None:
    columns, notes = read(content)
    assert (columns, notes[1:]) == (EXPECTED, [note])


def test_rows_of_lines_are_counted_and_the_quotation_marks_explained() -> None:
    assert read("text,label\na,1\n\nb,0\n")[1] == ["2 rows of 4 lines"]
    assert read('text,label\n"a",1\nb,0\n')[1] == ["2 rows of 3 lines, quotation marks around cells, as CSV has them"]
    assert read('text,label\na",1\nb,0\n')[1] == ["2 rows of 3 lines, quotation marks as characters of their texts"]


@pytest.mark.parametrize(
    "content",
    [
        "text,label\r\na,1\r\nb,0\r\n",
        "text,label\ra,1\rb,0\r",
        "\ufefftext,label\na,1\nb,0",
        " text , label\na,1\nb,0\n",
    ],
)
def test_line_ends_of_every_machine_marks_and_spaces_around_names_are_no_part_of_a_cell(content: str) -> None:
    assert {name: [cell.strip() for cell in cells] for name, cells in read(content)[0].items()} == EXPECTED


def test_an_old_macintosh_breaks_lines_within_cells_otherwise_than_rows() -> None:
    assert read('text,label\r"a\nb",1\rc,0\r')[0] == {"text": ["a\nb", "c"], "label": ["1", "0"]}


def test_a_header_that_repeats_the_names_of_the_study_is_no_row() -> None:
    columns, notes = read("text,label\na,1\nb,0\n", columns=("text", "label"))
    assert (columns, notes[1:]) == (EXPECTED, ["its first line names the columns and is no row"])
    assert read("a,1\nb,0\n", columns=("text", "label")) == (EXPECTED, ["2 rows of 2 lines"])


def test_a_header_that_says_otherwise_than_the_study_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"its first line has the names id, text, but `columns` says text, label"):
        read("id,text\n1,a\n", columns=("text", "label"))


def test_a_header_that_comes_again_is_no_row() -> None:
    columns, notes = read("text,label\na,1\ntext,label\nb,0\n")
    assert (columns, notes[1:]) == (EXPECTED, ["1 row that repeats the names of the columns left out"])


def test_rows_of_unequal_length_are_refused_with_a_line_or_left_out_with_a_number() -> None:
    content = "text,label\na,1\ngood, but slow,0\nb,0\n"
    with pytest.raises(
        CorpusError,
        match=r"a\.csv: 1 of 4 rows have another number of columns than the header, such as line 3 with 3 instead of 2: 'good, but slow,0'; quote",
    ):
        read(content)
    assert read(content, skip_bad_rows=True) == (
        EXPECTED,
        ["2 rows of 4 lines", "1 row with another number of columns than 2 left out"],
    )


def test_two_columns_of_one_name_are_refused_where_the_name_is_asked_for() -> None:
    with pytest.raises(CorpusError, match="has two columns 'text'; rename one of them"):
        read("text,text,label\na,b,1\n")
    assert read("text,x,x,label\na,b,c,1\n")[0] == {"text": ["a"], "label": ["1"]}
    with pytest.raises(CorpusError, match="has two columns 'logit_a'"):
        read("text,logit_a,logit_a\na,1,2\n")


def test_an_unlabelled_text_with_a_comma_beside_one_over_two_lines_is_refused_with_its_line() -> None:
    with pytest.raises(CorpusError, match=r"1 of 4 rows .* such as line 2 with 2 instead of 1"):
        read_columns('text\nwell, it is good\n"two\nlines"\n', ",", TableConfig(path="a.csv"), ("text",))


def test_a_byte_order_mark_within_a_file_that_was_put_together_of_several_is_no_part_of_a_cell() -> None:
    columns, notes = read("\ufefftext,label\na,1\n\ufefftext,label\nb,0\n")
    assert (columns, notes[1:]) == (EXPECTED, ["1 row that repeats the names of the columns left out"])
    assert read('text,label\na,1\n\ufefftext,label\n"b",0\n')[0] == EXPECTED
    assert read('\ufeffa,1\n\ufeff"b",0\n', columns=("text", "label"))[0] == EXPECTED
    assert read("text,label\n\ufeffa,1\nb,0\n")[0]["text"] == ["\ufeffa", "b"]


@pytest.mark.parametrize(
    "content",
    [
        "| text | label |\n|---|---|\n| a | 1 |\n| b | 0 |\n",
        "| text | label |\n|:-----|------:|\n| a | 1 |\n| b | 0 |\n",
        "text,label\n----,-----\na,1\nb,0\n",
        " text | label\n------+-------\n a | 1\n b | 0\n(2 rows)\n\n",
    ],
)
def test_a_rule_under_the_names_and_the_number_of_rows_are_no_rows(content: str) -> None:
    columns, notes = read(content)
    assert {name: [cell.strip() for cell in columns[name]] for name in EXPECTED} == EXPECTED
    assert "1 rule of hyphens under the names of the columns left out" in notes


def test_the_number_of_rows_under_a_file_of_one_column_is_no_text() -> None:
    config = TableConfig(path="a.csv")
    columns, notes, *_ = read_columns("text\n----\ngood\nbad\n\n(2 rows affected)\n", ",", config, ("text",))
    assert columns == {"text": ["good", "bad"]}
    assert notes[2] == "its last line, (2 rows affected), is the number of its rows and no row"
    columns, notes, *_ = read_columns("text\ngood\n(9 rows)\n", ",", config, ("text",))
    assert columns == {"text": ["good", "(9 rows)"]}
    assert notes[1] == "its last line, (9 rows), is read as a row, though it has 1 others: do texts hold line breaks?"
    assert read_columns("text\na\n---\n", ",", config, ("text",))[0] == {"text": ["a", "---"]}


def test_the_name_of_the_only_column_that_comes_again_is_said() -> None:
    columns, notes, *_ = read_columns("text\na\n\ufefftext\nb\n", ",", TableConfig(path="a.csv"), ("text",))
    assert columns == {"text": ["a", "text", "b"]}
    assert notes[1:] == ["1 row is the name of the column, 'text', and read as any other"]


def test_a_stray_carriage_return_in_the_first_line_ends_no_lines() -> None:
    config = TableConfig(path="a.txt", columns=("text",))
    content = "fi\rrst\n" + "".join(f"text {n}\n" for n in range(100))
    columns, *_ = read_columns(content, "\t", config, ("text",))
    assert (len(columns["text"]), columns["text"][:2]) == (101, ["fi\rrst", "text 0"])


@pytest.mark.parametrize("content", ["text\na\rb\rc\r", "text\ra\rb\nc\r"])
def test_one_column_whose_lines_may_end_in_either_is_refused(content: str) -> None:
    with pytest.raises(CorpusError, match=r"3 carriage returns and 1 line feed, and a line may end in either"):
        read_columns(content, "\t", TableConfig(path="a.txt"), ("text",))


@pytest.mark.parametrize("content", ["sep=;\n", "sep=;\n\n", '""\n'])
def test_a_file_without_a_row_is_empty(content: str) -> None:
    with pytest.raises(CorpusError, match=r"a\.csv: the file is empty"):
        read(content)


def test_what_was_read_otherwise_than_it_stands_is_said() -> None:
    assert read('text, label\n"a", "1"\n"b", "0"\n')[1][1:] == ["the spaces behind its commas are no part of its cells"]
    assert read('text,label\n"\\"a\\", ",1\n"\\\\",0\n')[1][1:] == [
        "1 doubled backslash read as one each, as all of its backslashes are doubled"
    ]


def test_a_file_of_quotation_marks_takes_no_time() -> None:
    with pytest.raises(CorpusError, match=r"a\.csv"):
        read("text,label\n" + '"' * 100_001 + "\n")
    assert read('"' * 100_001)[0]


def test_named_columns_are_separated_by_the_sign_that_fits_every_row() -> None:
    config = TableConfig(path="a.csv", columns=("text", "label"))
    columns, notes, *_ = read_columns("well, a;x\nb;y\nc, really, c;x\n", ",", config, ("text", "label"))
    assert columns == {"text": ["well, a", "b", "c, really, c"], "label": ["x", "y", "x"]}
    assert notes[1:] == ["its columns are separated by semicolons"]
    columns, *_ = read_columns("a;b,x\nb,y\n", ",", config, ("text", "label"))
    assert columns == {"text": ["a;b", "b"], "label": ["x", "y"]}
