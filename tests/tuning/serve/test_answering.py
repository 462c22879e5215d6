from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from distune.models.checkpoint_folder import CheckpointError
from distune.tuning.serve.predict import predict

ROOT = Path(__file__).resolve().parents[3]


def on_a_terminal(folder: Path, texts: Path, *, seen: bool = False) -> tuple[str, bytes]:
    """What stderr, a terminal, shows of a prediction whose stdout is a file, or that terminal too; and what stdout got."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "distune", "predict", str(folder), str(texts)]
    with subprocess.Popen(program, stdout=theirs if seen else subprocess.PIPE, stderr=theirs, cwd=ROOT) as process:
        os.close(theirs)
        answers = process.stdout.read() if process.stdout else b""
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # Nobody writes to it any more.
            os.close(ours)
    assert process.returncode == 0
    return shown.decode(), answers


def test_a_terminal_sees_how_far_it_is_unless_it_sees_the_answers(folder: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("好书\n差\n" * 600, encoding="utf-8")
    shown, answers = on_a_terminal(folder, texts)
    assert "1,200 texts, " in shown
    assert answers.count(b"\n") == 1200
    shown, _ = on_a_terminal(folder, texts, seen=True)
    assert [list(json.loads(line)) for line in shown.splitlines()] == [
        ["label", "probabilities", "has_known_token"]
    ] * 1200


def test_pipes_see_answers_and_nothing_else(folder: Path) -> None:
    program = [sys.executable, "-m", "distune", "predict", str(folder)]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for text in ("好书", ""):  # As `tail -f | distune predict`: an answer at once, while the input goes on.
            process.stdin.write(f"{text}\n".encode())
            assert "label" in json.loads(process.stdout.readline())
        process.stdin.write(b"\xff\n")
        assert process.wait(300) == 2
        assert process.stderr.read() == (
            b"distune: line 3 is not UTF-8: invalid start byte at its byte 1; save it as UTF-8, such as by "
            b"`iconv -f gb18030 -t utf-8`\n"
        )


def test_a_file_is_answered_in_whatever_it_is_packed_and_encoded(folder: Path, tmp_path: Path) -> None:
    text = "这家酒店的服务不错，房间也很干净，下次还会来的\n\n好书\n"
    answers = set()
    for name, content in (
        ("a.txt", text.encode()),
        ("a.gbk.txt", text.encode("gbk")),
        ("a.txt.gz", gzip.compress(text.encode("utf-16"))),
    ):
        (tmp_path / name).write_bytes(content)
        program = [sys.executable, "-m", "distune", "predict", str(folder)]
        for arguments, source in (([str(tmp_path / name)], b""), ([], content)):
            found = subprocess.run([*program, *arguments], input=source, capture_output=True, cwd=ROOT, check=True)
            answers.add(found.stdout)
    assert len(answers) == 1
    assert answers.pop().count(b"\n") == 3


def test_a_packed_table_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.CSV.gz").write_bytes(gzip.compress(b"text\na\n"))
    with pytest.raises(CheckpointError, match=r"predict answers one text a line, but \.csv is a table"):
        predict(folder, str(tmp_path / "a.CSV.gz"))


def test_lines_that_end_in_carriage_returns_alone_are_refused_from_a_pipe_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mac.txt").write_bytes(b"good\rbad\r")
    program = [sys.executable, "-m", "distune", "predict", str(folder)]
    for arguments, source, name in (
        ([], b"good\rbad\r", "stdin"),
        ([str(tmp_path / "mac.txt")], b"", tmp_path / "mac.txt"),
    ):
        found = subprocess.run([*program, *arguments], input=source, capture_output=True, cwd=ROOT, check=False)
        assert (found.returncode, found.stdout) == (2, b"")
        assert (
            found.stderr.decode()
            == f"distune: {name}: its lines end in carriage returns alone; save it with line feeds, one text a line\n"
        )


def test_lines_with_as_many_tabs_each_are_answered_and_said_to_look_like_a_table(folder: Path) -> None:
    program = [sys.executable, "-m", "distune", "predict", str(folder)]
    table, texts = (
        subprocess.run(program, input=source, capture_output=True, cwd=ROOT, check=True)
        for source in (b"good\t1\nbad\t0\n", b"good\t1\nbad\n")
    )
    assert table.stdout.count(b"\n") == texts.stdout.count(b"\n") == 2
    assert table.stderr.startswith(b"stdin: every line has 1 tab, as a table has, and is answered as one text")
    assert texts.stderr == b""


def test_lines_of_json_are_answered_and_said_to_be_objects(
    folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    said = {}
    for name, content in {"a.txt": '{"text": "good"}\n{"text": "bad"}\n', "b.txt": '{"text": "good"}\n{bad}\n'}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        predict(folder, str(tmp_path / name))
        out, err = capsysbinary.readouterr()
        assert out.count(b"\n") == 2
        said[name] = err.decode()
    assert said["b.txt"] == ""
    assert said["a.txt"].startswith(f"{tmp_path}/a.txt: every line is an object of JSON, and is answered as one text")
