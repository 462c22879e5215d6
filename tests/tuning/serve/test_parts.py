"""A folder of parts: what a killed run left is kept, and nothing is mixed, lost or doubled."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from distune.corpora import streamed
from distune.corpora.texts import CorpusError
from distune.tuning.serve import table, table_output
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.rendering import csv_lines
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("n,text\n" + "".join(f"{n},好书{n}\n" for n in range(300)), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "PIECE_BYTES", 256)
    for module in (table, table_output):
        monkeypatch.setattr(module, "PART_BLOCKS", 4)


def run(folder: Path, source: Path, out: Path, **settings: Any) -> dict[str, bytes]:
    predict_table(folder, InputSettings(paths=(str(source),)), AnswerSettings(**settings), f"{out}/", 1)
    return content(out)


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("part-*"))}


def test_parts_hold_every_row_once_in_order(folder: Path, source: Path, tmp_path: Path) -> None:
    parts = run(folder, source, tmp_path / "out")
    assert len(parts) > 3
    rows = [line.split(b",")[0] for part in parts.values() for line in part.splitlines()[1:]]
    assert rows == [str(n).encode() for n in range(300)]


def test_missing_parts_are_made_and_whole_ones_kept(folder: Path, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    parts = run(folder, source, out)
    (out / "part-00001.csv").unlink()
    (out / "part-00002.csv").write_bytes(b"kept")
    found = run(folder, source, out)
    assert found == {**parts, "part-00002.csv": b"kept"}


def test_other_input_settings_or_students_are_refused(folder: Path, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    parts = run(folder, source, out)
    with pytest.raises(CorpusError, match="made with other settings"):
        run(folder, source, out, proba=True)
    moved = shutil.copy(source, tmp_path / "moved.csv")  # Its content is what it is known by.
    assert run(folder, Path(moved), out) == parts
    source.write_text(source.read_text(encoding="utf-8").replace("书299", "书298"), encoding="utf-8")
    with pytest.raises(CorpusError, match="made with other input"):
        run(folder, source, out)
    other = save_student(checkpoint_of(STUDENTS[1]), tmp_path / "other")
    with pytest.raises(CorpusError, match="made with another student"):
        run(other, Path(moved), out)
    assert content(out) == parts


def test_a_folder_of_other_files_is_left_alone(folder: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(CorpusError, match=r"holds notes\.txt, and no answers of this command"):
        run(folder, source, tmp_path / "out")


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_loses_and_doubles_nothing(folder: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "large.jsonl", tmp_path / "out"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(f'{{"n": {n}, "text": "好书酒店{"差" * (n % 50)}{n}"}}\n' for n in range(400_000))
    program = [
        sys.executable,
        "-m",
        "distune",
        "predict",
        str(folder),
        str(source),
        "--out",
        f"{out}/",
        "--workers",
        "2",
    ]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while not (out / "part-00000.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    before = content(out)
    assert before
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "of an earlier run kept" in done.stderr
    after = content(out)
    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before
    rows = [json.loads(line)["n"] for part in after.values() for line in part.splitlines()]
    assert rows == list(range(400_000))


@pytest.mark.parametrize("reading", [{"quoting": "none"}, {"encoding": "latin-1"}, {"columns": ("n", "text")}])
def test_a_folder_goes_on_only_if_its_input_is_read_in_the_same_way(
    folder: Path, source: Path, tmp_path: Path, reading: dict[str, Any]
) -> None:
    run(folder, source, tmp_path / "out")
    with pytest.raises(CorpusError, match="were made with other settings of reading"):
        predict_table(
            folder, InputSettings(paths=(str(source),), **reading), AnswerSettings(), f"{tmp_path / 'out'}/", 1
        )


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"version": "0"}'])
def test_a_damaged_manifest_is_told(folder: Path, source: Path, tmp_path: Path, content: str) -> None:
    run(folder, source, tmp_path / "out")
    (tmp_path / "out" / table_output.MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match="is damaged, so that nobody knows"):
        run(folder, source, tmp_path / "out")


def test_a_carriage_return_in_a_cell_is_within_quotation_marks() -> None:
    found = csv_lines([["a\rb", 1], ["c", 2], ["d\r\n", None]], ",").decode()
    assert found == '"a\rb","1"\nc,2\n"d\r\n",""\n'
    assert list(csv.reader(io.StringIO(found, newline=""))) == [["a\rb", "1"], ["c", "2"], ["d\r\n", ""]]
