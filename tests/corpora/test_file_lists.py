from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.file_lists import files_of
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def named(folder: Path, names: str | tuple[str, ...]) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in files_of(names).paths]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a-*.csv", ["a-1.csv", "a-10.csv", "a-2.csv"]),
        ("a-?.csv", ["a-1.csv", "a-2.csv"]),
        ("a-[12].csv", ["a-1.csv", "a-2.csv"]),
        ("*/a-*.csv", ["more/a-3.csv"]),
        ("**/a-*.csv", ["a-1.csv", "a-10.csv", "a-2.csv", "more/a-3.csv", "more/still/a-4.csv"]),
        ("more/**/a-*.csv", ["more/a-3.csv", "more/still/a-4.csv"]),
        ("mo*/still/a-4.csv", ["more/still/a-4.csv"]),
        ("a-1.csv", ["a-1.csv"]),
        ("b[1].csv", ["b[1].csv"]),
        ("c?", ["c?/a.csv"]),
        ("c?/*.csv", ["c?/a.csv"]),
    ],
)
def test_a_pattern_finds_its_files_sorted_by_name(tmp_path: Path, pattern: str, found: list[str]) -> None:
    names = (
        "a-10.csv",
        "a-2.csv",
        "a-1.csv",
        ".a-0.csv",
        "_a-0.csv",
        "more/a-3.csv",
        "more/still/a-4.csv",
        "b[1].csv",
        "c?/a.csv",
    )
    touch(tmp_path, *names)
    assert named(tmp_path, str(tmp_path / pattern)) == found


def test_a_relative_pattern_finds_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a-1.csv", "more/a-2.csv")
    monkeypatch.chdir(tmp_path)
    assert files_of("a-*.csv").paths == ("a-1.csv",)
    assert files_of("more/*").paths == ("more/a-2.csv",)
    assert files_of("./a-*.csv").paths == ("./a-1.csv",)


def test_a_pattern_may_be_a_uri(tmp_path: Path) -> None:
    touch(tmp_path, "a b/x-1.csv", "a b/x-2.csv")
    assert len(files_of(f"{(tmp_path / 'a b').as_uri()}/x-*.csv").paths) == 2


def test_markers_of_spark_are_no_parts_of_a_folder(tmp_path: Path) -> None:
    parts = ["part-00000-1f.c000.snappy.parquet", "part-00001-1f.c000.snappy.parquet"]
    touch(tmp_path, *parts, "_SUCCESS", "._SUCCESS.crc", f".{parts[0]}.crc", "README.md")
    assert named(tmp_path, str(tmp_path)) == parts
    assert files_of(str(tmp_path)).notes == (f"  {tmp_path} holds more, which is not read: README.md",)


@pytest.mark.parametrize(("ending", "empty"), [("csv", ""), ("csv", "text,label\n"), ("jsonl", ""), ("csv", " \n")])
def test_a_part_of_a_folder_without_a_row_is_left_out_and_told(tmp_path: Path, ending: str, empty: str) -> None:
    row = "text,label\ngood,1\n" if ending == "csv" else '{"text": "good", "label": "1"}\n'
    for number, content in enumerate((empty, row, empty, row.replace("good", "bad"))):
        (tmp_path / f"part-{number}.{ending}").write_text(content, encoding="utf-8")
    touch(tmp_path, "_SUCCESS", f".part-0.{ending}.crc")
    for name in (str(tmp_path), str(tmp_path / "part-*")):
        notes: list[str] = []
        assert read_rows(FileConfig(path=name), notes=notes) == [Row("good", "1"), Row("bad", "1")]
        left_out = f"{tmp_path}/part-0.{ending}, {tmp_path}/part-2.{ending}"
        assert f"  2 files have no row, and are left out: {left_out}" in notes


def test_an_empty_file_that_the_study_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\ngood,1\n", encoding="utf-8")
    touch(tmp_path, "b.csv", "c.parquet", "d.csv.xz")
    with pytest.raises(CorpusError, match=r"b\.csv: the file is empty$"):
        read_rows(FileConfig(path=[str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]))
    for name in ("b.csv", "c.parquet", "d.csv.xz"):
        with pytest.raises(CorpusError, match=r"the file is empty$"):
            read_rows(FileConfig(path=str(tmp_path / name)))


def test_a_folder_whose_parts_have_no_row_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.csv")
    with pytest.raises(CorpusError, match=f"{tmp_path}: none of its 2 files has a row"):
        read_rows(FileConfig(path=str(tmp_path)))


def test_a_list_keeps_its_order_and_may_hold_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "b.csv", "a-1.csv", "a-2.csv.gz")
    names = (str(tmp_path / "b.csv"), str(tmp_path / "a-*"))
    assert named(tmp_path, names) == ["b.csv", "a-1.csv", "a-2.csv.gz"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "x-*.csv",
            r"x-\*\.csv: no file matches this pattern; .* holds a\.csv, b\.jsonl, brat, empty, labels and 4 more$",
        ),
        ("none/x-*.csv", r"no file matches this pattern; there is no folder .*none$"),
        (
            "em*ty",
            r"no file matches this pattern, and it finds folders \(.*empty\); name the files in them: .*em\*ty/\*$",
        ),
        ("empty/*.csv", r"no file matches this pattern; .*empty is empty$"),
        (
            "brat",
            r"brat: holds annotations of BRAT, such as d1\.ann, which mark parts of a text; write a file with a row for each text",
        ),
        (
            "labels",
            r"it holds neg, pos; if each of these folders is a label and each file a text, write them as rows of one file$",
        ),
        ("empty", r"is a folder without files of texts \(\.csv, .*\); it holds nothing"),
        (
            "splits",
            r"splits is a folder with files of several splits \(test, train\); name each by a pattern, such as .*/train\* as the source",
        ),
        (
            "spark",
            r"its parts lie in folders such as label=pos, whose rows lack that column, as Spark's partitionBy .* such as .*/\*\*/\*\.parquet$",
        ),
        (("a.csv", "./a.csv"), r"a\.csv: is named twice among the 2 files of one source"),
        (
            ("a.csv", "link.csv"),
            r"link\.csv: is named twice .* \(.*a\.csv and .*link\.csv are one file\); name it once",
        ),
        (("a.csv", "b.jsonl"), r"must have one format, but got .*a\.csv \(CSV or TSV\) and .*b\.jsonl \(JSON\)"),
    ],
)
def test_files_that_cannot_be_one_source_are_refused(
    tmp_path: Path, names: str | tuple[str, ...], message: str
) -> None:
    touch(
        tmp_path,
        "a.csv",
        "b.jsonl",
        "splits/train-0.parquet",
        "splits/test-0.parquet",
        "spark/label=pos/part-0.parquet",
        "brat/d1.txt",
        "brat/d1.ann",
        "labels/pos/1.txt",
        "labels/neg/1.txt",
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "of").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    given = str(tmp_path / names) if isinstance(names, str) else tuple(f"{tmp_path}/{name}" for name in names)
    with pytest.raises(CorpusError, match=message) as caught:
        files_of(given)
    assert "\n" not in str(caught.value)


def test_a_pattern_over_several_splits_is_read_and_said(tmp_path: Path) -> None:
    touch(tmp_path, "train-0.parquet", "validation-0.parquet", "trains.parquet")
    found = files_of(str(tmp_path / "*.parquet"))
    assert len(found.paths) == 3
    assert "finds files of several splits (train, val), and all are read as one" in found.notes[0]


def test_columns_that_are_folders_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "a=b/lang=de/part-0.parquet", "a=b/lang=zh/part-0.parquet", "a=b/part-1.parquet")
    found = files_of(str(tmp_path / "a=b" / "**" / "*.parquet"))
    assert len(found.paths) == 3
    (note,) = found.notes
    assert note.endswith(
        "finds files in folders that are named by a column, such as lang=de: rows lack lang, which is not read"
    )
    assert files_of(str(tmp_path / "a=b" / "*.parquet")).notes == ()


def test_folders_that_a_pattern_finds_are_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for path in (tmp_path / "a.csv", tmp_path / "sub" / "b.csv"):
        path.write_text("text,label\nx,1\n", encoding="utf-8")
    found = files_of(str(tmp_path / "*"))
    assert [Path(one).name for one in found.paths] == ["a.csv"]
    assert any("finds folders too, whose files are not read" in note and "sub" in note for note in found.notes)
    assert files_of(str(tmp_path / "*.csv")).notes == ()
