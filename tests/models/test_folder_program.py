"""What answers in a checkpoint folder by itself: `python FOLDER`, and the package `distune_student`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.encoding import load_encoder
from distune.models.answer_lines import answer_lines
from distune.models.answers import TextError
from distune.models.checkpoint_folder import SUMS
from distune.models.predictor import Predictor
from tests.conftest import STUDENTS, same_answers
from tests.making.checkpoints import checkpoint_of, save_student


def test_the_folder_answers_without_this_project_torch_ray_mlflow_and_transformers(folder: Path) -> None:
    texts = ["好书", "差酒店", ""]
    blocked = ("torch", "ray", "mlflow", "transformers", "optuna", "pydantic", "distune")
    program = f"""
import sys, runpy
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Wall())
runpy.run_path({str(folder)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input="\n".join(texts) + "\n", text=True, capture_output=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert same_answers(answers, list(Predictor(folder, load_encoder(folder)).answers(texts)))


def test_the_file_that_answers_is_run_by_its_name_in_an_isolated_python_too(folder: Path) -> None:
    program = [sys.executable, "-I", str(folder / "__main__.py")]
    done = subprocess.run(program, input="好书\n".encode(), capture_output=True, check=True)
    assert "label" in json.loads(done.stdout)


def test_lines_are_answered_as_they_come(folder: Path) -> None:
    program = [sys.executable, str(folder)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        for text in ("好书", "差", ""):
            process.stdin.write(f"{text}\n".encode())
            assert "label" in json.loads(process.stdout.readline())
        process.stdin.write("好书\n差\n好".encode()[:-1])
        assert [json.loads(process.stdout.readline())["label"] for _ in range(2)]
        process.stdin.write("好".encode()[-1:])
        process.stdin.close()
        assert process.stdout.read().count(b"\n") == 1
    assert process.returncode == 0


class Pieces:
    """A source whose reads bring so many bytes each."""

    def __init__(self, content: bytes, size: int) -> None:
        self.pieces = [content[i : i + size] for i in range(0, len(content), size)]

    def read1(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_line_is_a_text_wherever_the_reads_end(folder: Path, size: int) -> None:
    predictor, sink, done = Predictor(folder, load_encoder(folder)), io.BytesIO(), []
    content = "\ufeff好书\r\n\n差\u2028酒\r店\n\n书".encode()
    answer_lines(predictor, Pieces(content, size), sink, done.append)  # type: ignore[arg-type]
    expected = predictor.answers(["好书", "", "差\u2028酒\r店", "", "书"])
    assert [json.loads(line) for line in sink.getvalue().decode().split("\n")[:-1]] == list(expected)
    assert sum(done) == 5


@pytest.mark.parametrize("size", [1, 1000])
def test_a_line_that_is_not_utf_8_is_named_and_those_before_it_are_answered(folder: Path, size: int) -> None:
    predictor, sink = Predictor(folder, load_encoder(folder)), io.BytesIO()
    with pytest.raises(TextError, match=r"^line 2 is not UTF-8: invalid start byte at its byte 4; save it as UTF-8"):
        answer_lines(predictor, Pieces("好\n好".encode() + b"\xff\n", size), sink)  # type: ignore[arg-type]
    assert sink.getvalue().count(b"\n") == 1


def test_a_program_asks_two_folders_by_the_package_of_one(folder: Path, tmp_path: Path) -> None:
    other = save_student(checkpoint_of(STUDENTS[-1]), tmp_path / "other")
    program = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from distune_student import load
print([load().logits(["好书"]).tolist(), load({str(other)!r}).logits(["好书"]).tolist()])
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    expected = [Predictor(one, load_encoder(one)).logits(["好书"]).tolist() for one in (folder, other)]
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_a_folder_on_the_path_takes_no_name_that_projects_have(folder: Path) -> None:
    names = {path.stem for path in (*folder.glob("*.py"), *folder.glob("*/__init__.py"))}
    assert names == {"__main__", "__init__"}
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["distune_student"]


def test_a_package_that_its_words_need_is_named_where_it_is_missing(folder: Path) -> None:
    (folder / SUMS).unlink()
    settings = json.loads((folder / "config.json").read_text())
    settings["tokens"] |= {"kind": "words", "segmenter": "rjieba", "hmm": False, "user_words": []}
    (folder / "config.json").write_text(json.dumps(settings))
    program = f"""
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "rjieba" else find(name, package)
sys.argv = [{str(folder)!r}]
runpy.run_path({str(folder)!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], input="好\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is not installed: pip install rjieba\n")
    assert "Traceback" not in done.stderr


def test_the_folders_program_answers_files_and_refuses_options(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("好\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("差\n书\n", encoding="utf-8")
    program = [sys.executable, folder]
    done = subprocess.run([*program, tmp_path / "a.txt", tmp_path / "b.txt"], capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 3
    assert subprocess.run([*program, "--texts", "a"], capture_output=True, check=False).returncode == 2
    missing = subprocess.run([*program, "nothing.txt"], capture_output=True, check=False)
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"nothing.txt" in missing.stderr


def test_a_second_student_in_one_process_is_not_answered_for_by_the_first(folder: Path, tmp_path: Path) -> None:
    second = save_student(checkpoint_of(STUDENTS[1]), tmp_path / "second")
    program = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from distune_student import CheckpointError, load
first = load().label("好")
sys.path.insert(0, {str(second)!r})
try:
    load()
except CheckpointError as error:
    print(error)
print(load({str(second)!r}).labels)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    refused, labels = done.stdout.splitlines()
    assert f"name the folder, as in load('{second}')" in refused
    assert labels == "['bad', 'good']"
