from __future__ import annotations

import re

import pytest

from distune.corpora.quotation import read_delimited
from distune.corpora.raw_rows import Quoting, Reading
from distune.corpora.texts import CorpusError


def read(content: str, delimiter: str = ",", quoting: Quoting = "auto") -> Reading:
    return read_delimited(re.findall(r"[^\n]*\n|[^\n]+", content), delimiter, quoting, None, "a.csv")


def texts(content: str, delimiter: str = ",", column: int = 0) -> list[str]:
    """One column without its name."""
    return [cells[column] for cells in read(content, delimiter).rows[1:]]


def test_quotation_marks_of_csv_are_around_cells() -> None:
    assert texts('text,label\n"a, ""b""\nc",1\nd,0\n"e",1\n') == ['a, "b"\nc', "d", "e"]


def test_stray_quotation_marks_in_a_csv_swallow_no_rows() -> None:
    within = "".join(f'{i % 2},text {i} with 5" in it\n' for i in range(100))
    before = "".join(f'{i % 2},"text {i}\n' for i in range(100))
    after = "".join(f'{i % 2},text {i}"\n' for i in range(100))
    for content in (within, before, after, within + before + after):
        reading = read(f"label,text\n{content}")
        assert (reading.quoting, len(reading.rows) - 1) == ("none", content.count("\n"))
    assert texts('label,text\n0,"a\n1,b\n0,c "d" e\n', column=1) == ['"a', "b", 'c "d" e']


def test_a_tsv_as_pandas_and_excel_write_it_is_unquoted() -> None:
    assert texts('text\tlabel\n"he said ""hi"""\t1\n"a\tb"\t0\n"c\nd"\t0\nplain\t1\n', "\t") == [
        'he said "hi"',
        "a\tb",
        "c\nd",
        "plain",
    ]
    assert texts('"text"\t"label"\n"a"\t"1"\n""\t"0"\n', "\t") == ["a", ""]
    assert texts('text\tlabel\n"a, b"\t1\nplain\t0\n', "\t") == ["a, b", "plain"]  # Excel quotes what has a comma.


def test_a_raw_tsv_keeps_its_quotation_marks() -> None:
    assert texts('text\tlabel\n"great movie"\t1\nhe said "x"\t0\n"half\t1\n', "\t") == [
        '"great movie"',
        'he said "x"',
        '"half',
    ]
    assert texts('text\tlabel\n"great movie"\t1\nplain, with a comma\t0\n', "\t") == [
        '"great movie"',
        "plain, with a comma",
    ]


def test_quotation_marks_that_spark_and_r_escape_by_backslashes_are_read() -> None:
    reading = read('text,label\n"he said \\"hi\\", ok",1\nC:\\new,0\n')
    assert (reading.quoting, reading.rows[1:]) == ("backslash", [['he said "hi", ok', "1"], ["C:\\new", "0"]])


def test_one_quotation_that_may_be_a_cell_or_two_rows_is_refused() -> None:
    content = 'label,text\n0,"abc\n1,def"\n0,ghi\n'
    with pytest.raises(
        CorpusError, match=r"a\.csv: line 2 opens a quotation that closes 1 line further on .* `quoting: none`"
    ):
        read(content)
    assert read(content, quoting="csv").rows[1:] == [["0", "abc\n1,def"], ["0", "ghi"]]
    assert read(content, quoting="none").rows[1:] == [["0", '"abc'], ["1", 'def"'], ["0", "ghi"]]


def test_what_holds_as_many_tabs_as_a_row_is_one() -> None:
    rows = [f"id-{n}\ttext {n}" for n in range(40)]
    rows[10], rows[30] = 'id-10\t"text 10', 'id-30\ttext 30"'
    with pytest.raises(CorpusError, match="line 12 opens a quotation that closes 20 lines further on"):
        read("\n".join(["id\ttext", *rows]) + "\n", "\t")


def test_in_a_file_of_one_column_a_quotation_over_lines_needs_a_program_that_quotes() -> None:
    titles = [f"title {n}" for n in range(60)]
    titles[10], titles[50] = '"title 10', 'title 50"'
    for content in ("\n".join(titles), 'I said:\n"I am cold.\nLet us go."\nand went.\n'):
        with pytest.raises(CorpusError, match="opens a quotation that closes"):
            read(content, "\t")
    assert texts('text\n"a, ""b"""\n"c\nd"\n') == ['a, "b"', "c\nd"]


def test_marks_escaped_by_a_backslash_are_marks_where_the_study_says_so() -> None:
    reading = read('text\tlabel\nsay \\"hi\\"\t1\n', "\t", "backslash")
    assert reading.rows[1] == ['say "hi"', "1"]


def test_a_cell_of_lines_that_are_no_rows_is_a_cell() -> None:
    assert texts('label,text\n0,"Hello,\nthe room was fine,\nthanks"\n1,b\n', column=1) == [
        "Hello,\nthe room was fine,\nthanks",
        "b",
    ]


def test_a_carriage_return_within_a_cell_ends_no_row() -> None:
    assert texts('text,label\na\rb,1\n"c,\rd",0\n"e\r\nf",1\n') == ["a\rb", "c,\rd", "e\r\nf"]


def test_a_cell_may_be_longer_than_pythons_limit() -> None:
    assert texts(f'text,label\n"{"a," * 100_000}",1\n') == ["a," * 100_000]


def test_where_a_row_began_is_known() -> None:
    reading = read('text,label\n"a\nb",1\nc\n')
    assert [reading.row(place).number for place in range(3)] == [1, 2, 4]
    assert [reading.row(place).raw for place in reading.odd] == ["c\n"]


def test_a_quotation_that_never_closes_is_refused_where_csv_is_asked_for() -> None:
    with pytest.raises(
        CorpusError, match=r"line 2 cannot be read with quotation marks as CSV has them .* set `quoting: none`"
    ):
        read('text,label\n"a,1\nb,0\n', quoting="csv")


def test_cells_whose_lines_have_as_many_cells_as_a_row_are_cells_where_a_line_has_words_for_a_number() -> None:
    letters = 'id,text,label\n1,"Dear team, hello\nthanks, Bob",pos\n2,"Hi Ann, please\nregards, Tom",neg\n3,fine,pos\n4,bad,neg\n'
    expected = ["Dear team, hello\nthanks, Bob", "Hi Ann, please\nregards, Tom", "fine", "bad"]
    assert texts(letters, column=1) == expected
    assert texts(letters.replace("id,", ",", 1), column=1) == expected  # An index of pandas.
    tabs = 'id\ttext\tlabel\n1\t"a\tb\nc\td"\tpos\n2\t"e\tf\ng\th"\tneg\n3\tx\tpos\n4\ty\tneg\n'
    assert texts(tabs, "\t", column=1) == ["a\tb\nc\td", "e\tf\ng\th", "x", "y"]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ('stars,text\n5,"Great\n5,really"\n1,"Bad\n1,really"\n5,fine\n1,bad\n', ","),
        ('text\tlabel\n"a\tpos\nb"\tpos\n"c\tneg\nd"\tneg\nx\tpos\n', "\t"),
        (
            'id,text,label\na1,"Dear team, pos\na2, Bob",pos\na3,"Hi Ann, pos\na1, Tom",neg\na2,fine,pos\na3,bad,neg\n',
            ",",
        ),
    ],
)
def test_several_quotations_that_may_be_cells_or_rows_are_refused_with_both_readings(
    content: str, delimiter: str
) -> None:
    with pytest.raises(
        CorpusError, match=r"line \d opens .* `quoting: none` .* \(\d rows\), `quoting: csv` .* \(\d rows\)"
    ):
        read(content, delimiter)


def test_many_whole_rows_between_stray_marks_are_rows() -> None:
    rows = [f"{n % 2},text {n}" for n in range(100)]
    for first in (10, 50):
        rows[first], rows[first + 19] = f'{first % 2},"text', f'{(first + 19) % 2},text"'
    reading = read("\n".join(["label,text", *rows]) + "\n")
    assert (reading.quoting, len(reading.rows)) == ("none", 101)


def test_a_file_of_tabs_in_which_every_text_with_a_hash_is_quoted_was_written_by_duckdb() -> None:
    content = 'text\tlabel\n"#happy day"\tpos\n"a #sad day"\tneg\nplain\tpos\n""\tneg\nC# code\tpos\n'
    assert texts(content, "\t") == ["#happy day", "a #sad day", "plain", "", "C# code"]
    newer = 'text\tlabel\n"#happy day"\tpos\n"C# code"\tneg\nplain\tpos\n"a#b"\tneg\n'
    assert texts(newer, "\t") == ["#happy day", "C# code", "plain", "a#b"]
    assert texts('text\tlabel\n"#happy"\tpos\n#sad\tneg\n', "\t") == ['"#happy"', "#sad"]
    assert texts('text\tlabel\n"#happy"\tpos\n"sad"\tneg\nfine\tpos\n', "\t") == ['"#happy"', '"sad"', "fine"]


def test_one_row_of_tabs_that_is_quoted_throughout_is_unquoted() -> None:
    assert read('"good"\t"1"\n', "\t").rows == [["good", "1"]]
    assert read('"good"\t1\n', "\t").rows == [['"good"', "1"]]


def test_a_space_behind_every_comma_is_no_part_of_a_cell() -> None:
    assert read('text, label\n"good, fine", "pos"\n"bad", "neg"\n').rows == [
        ["text", "label"],
        ["good, fine", "pos"],
        ["bad", "neg"],
    ]
    assert read('label, text\npos, "good, ""fine"""\n').rows[1] == ["pos", 'good, "fine"']
    with pytest.raises(CorpusError, match=r"line 3 has a space before the quotation mark of a cell, ' \"pos\"'"):
        read('text,label\n"x, y",neg\n"good, fine", "pos"\n')


def test_backslashes_that_come_in_pairs_alone_are_one_each_where_marks_are_escaped() -> None:
    content = 'text,label\n"say \\"hi\\", ok",1\n"C:\\\\new\\\\",0\n"a\\\\\\"b",1\n'
    reading = read(content)
    assert (reading.quoting, reading.unescaped) == ("backslash", 3)
    assert [cells[0] for cells in reading.rows[1:]] == ['say "hi", ok', "C:\\new\\", 'a\\"b']
    assert read('text,label\n"say \\"hi\\", ok",1\n\\\\server\\a,0\n').rows[2] == ["\\\\server\\a", "0"]
