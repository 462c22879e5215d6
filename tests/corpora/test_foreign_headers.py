"""First lines that name no column, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.texts import CorpusError

REFUSED = {
    "json lines .csv": (
        b'{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n',
        r"holds JSON; its name must end in \.jsonl",
    ),
    "a json array .txt": (b'[{"text": "a", "label": "x"}]\n', r"holds JSON; its name must end in \.jsonl"),
    "hive .txt": (b"text\x1flabel\na\x1fx\n", r"'\\x1f' separates its columns; separate them by commas or tabs"),
    "fasttext .txt": (
        b"__label__x the text is good\n__label__y no\n",
        "holds lines of fastText, `__label__LABEL text`, and no columns: write the label and the text into columns",
    ),
    "r .txt": (
        b'"text" "label"\n"1" "a" "x"\n',
        "spaces separate its columns text, label, as R's write.table has them",
    ),
    "a comment .csv": (
        b"# made by hand\ntext,label\na,x\n",
        "line 2 has the names of its columns, but the first line is '# made",
    ),
    "a title .tsv": (
        b"Reviews\n\ntext\tlabel\na\tx\n",
        "line 3 has the names of its columns, but the first line is 'Reviews'",
    ),
    "lfs .csv": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "fetch it by `git lfs pull`"),
    "lfs .parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "fetch it by `git lfs pull`"),
    "nothing .json": (b"[]", "holds no record with a value"),
    "objects without a value .json": (b"[{}]", "holds no record with a value"),
    "rows without names .json": (b'[["a", "x"]]', 'in pandas, orient="records" writes names'),
    "objects over several lines .json": (
        b'{\n "text": "a",\n "label": "x"\n}\n{\n "text": "b",\n "label": "y"\n}\n',
        "where several objects follow each other, write each on a line of its own",
    ),
}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_file_that_is_something_else_is_refused_with_what_it_is(tmp_path: Path, kind: str) -> None:
    content, message = REFUSED[kind]
    path = tmp_path / f"a{kind.rpartition(' ')[2]}"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(FileConfig(path=path))
    assert "\n" not in str(caught.value)


def test_a_folder_without_parts_is_refused_whatever_its_name(tmp_path: Path) -> None:
    for name in ("parts", "parts.csv"):
        (tmp_path / name).mkdir()
        with pytest.raises(CorpusError, match=r"is a folder without files of texts \(.*\); it holds nothing"):
            read_rows(FileConfig(path=tmp_path / name))


@pytest.mark.parametrize("content", ["\n\ntext,label\na,x\n", '"a\nb",text,label\n1,a,x\n'])
def test_blank_lines_before_the_names_and_names_over_lines_are_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    assert read_rows(FileConfig(path=tmp_path / "a.csv")) == [("a", "x")]
