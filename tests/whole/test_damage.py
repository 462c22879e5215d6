"""Commands over a storage that is damaged or cannot be written: a line, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from distune.tuning.cli import main
from tests.fuzz.storage import make_search


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a search that has ended."""
    make_search(tmp_path)
    return tmp_path / "storage" / "searches" / "fuzzed" / "1"


def code_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_an_empty_results_file_is_said_by_results(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("results", tmp_path / "study.yaml") == 0
    (folder / "results.json").write_text("")
    capsys.readouterr()
    for flags in ([], ["--json"]):
        assert code_of("results", tmp_path / "study.yaml", *flags) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"distune: {folder / 'results.json'} is damaged (Expecting value: line 1 column 1")
        assert said.count("\n") == 1


def test_a_report_that_cannot_be_written_is_a_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "report.html").mkdir()
    assert code_of("report", tmp_path / "study.yaml") == 1
    said = capsys.readouterr().err
    assert said.startswith("distune: ")
    assert "report.html" in said
    assert said.count("\n") == 1


def test_what_cannot_be_printed_is_a_line(folder: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        program = [sys.executable, "-m", "distune", "results", str(tmp_path / "study.yaml"), "--json"]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "distune: No space left on device\n")
