"""Messages of `distune predict --out` name its own flags."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from distune import corpora
from distune.corpora.texts import CorpusError
from distune.models.checkpoint_folder import CheckpointError
from distune.tuning.cli import main
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.flags import in_flags
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.csv": b"text,n\na,1\nb,2\nc\n"}, ", or take these rows out"),
        ({"a.csv": b"text\n\xff\xfe\xfd\n"}, "say by --encoding in which encoding it was saved"),
        ({"a.csv": b"text,text\na,b\n"}, ", or name all by --columns A,B where the first line is no header"),
        ({"a.csv": b"text\na\n", "b.jsonl": b'{"text": "a"}\n'}, "; answer each by a run of its own"),
    ],
)
def test_messages_name_flags(files: dict[str, bytes], said: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    paths = tuple(str(tmp_path / "in" / name) for name in files)
    with pytest.raises(CorpusError) as error:
        predict_table(folder, InputSettings(paths=paths), AnswerSettings(), str(tmp_path / "out.csv"), 1)
    assert said in str(error.value)
    assert "`" not in str(error.value)


def test_no_likeliest_label_and_an_empty_output_are_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in.csv").write_text("text\na\n", encoding="utf-8")
    command = ["predict", str(folder), str(tmp_path / "in.csv"), "--out"]
    with pytest.raises(SystemExit, match="2"):
        main([*command, str(tmp_path / "out.csv"), "--top", "0"])
    assert "--top must be from 1 to the number of labels, but got 0" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="--out is empty; name a file"):
        predict_table(folder, InputSettings(paths=("in.csv",)), AnswerSettings(), "", 1)


READER = ("delimited", "quotation", "swallowing", "decoding", "streamed", "table_file", "json_records", "json_blocks")
READER += ("raw_rows", "headers", "foreign_headers", "marks", "table_texts", "file_lists", "block_files", "line_ends")
KEYS = re.compile(
    r"`(quoting|columns|encoding|text|text_b|label|labels|skip_bad_rows|more_unlabelled|teacher_data)(:[^`]*)?`"
)


def literals(module: str) -> list[str]:
    """The text of each literal of a module that is no docstring, with {} in place of what is put in."""
    tree = ast.parse(Path(corpora.__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said | within:
            found.append(node.value)
    return found


def test_every_message_of_the_reader_that_names_a_key_of_a_study_has_its_flag() -> None:
    named = [text for module in READER for text in literals(module) if KEYS.search(text)]
    assert len(named) >= 6
    assert [text for text in named if KEYS.search(in_flags(text))] == []
