"""In a folder whose own modules are called as our folders are, everything runs: real processes, plain and with PYTHONPATH=."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.reviews import tiny_document

pytestmark = pytest.mark.slow
THEIRS = 'raise RuntimeError("a module of the user was imported")\n'
Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path, migrated: Path) -> Path:
    """A project with modules `tuning`, `losses` and `corpora` and packages `models` and `cluster` of its own, and a study."""
    place = tmp_path_factory.mktemp("project")
    for name in ("tuning.py", "losses.py", "corpora.py", "models/__init__.py", "cluster/__init__.py"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(THEIRS)
    shutil.copyfile(reviews_csv, place / "reviews.csv")
    shutil.copyfile(migrated, place / "mlflow.db")
    document = tiny_document(place, Path("reviews.csv"), teacher_folder)
    document["search"] |= {"trials": 2, "seeds": 1}
    (place / "study.yaml").write_text(yaml.safe_dump(document))
    save_student(checkpoint_of(STUDENTS[0]), place / "student")
    return place


def environment_with(path: str) -> dict[str, str]:
    """This process' environment with another PYTHONPATH, or none."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PYTHONPATH": path} if path else kept


@pytest.fixture(params=["", "."], ids=["plain", "PYTHONPATH=."])
def run(request: pytest.FixtureRequest, folder: Path) -> Run:
    """Runs Python in the project; what it printed, or the failure of the test."""

    def in_folder(*arguments: str, text: str = "") -> str:
        # The console script, unlike `python -m`, does not put the working directory first.
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment_with(request.param),
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return in_folder


COMMANDS = """
import distune
from distune.tuning.cli import main
for words in (["check", "study.yaml"], ["trial", "study.yaml", "--set", "trial.epochs=1"]):
    try:
        main(words)
    except SystemExit as ended:
        assert not ended.code, words
print(distune.check(distune.load_study("study.yaml")), distune.load("student").predict(["好"]))
"""


def test_check_and_trial_run_and_the_door_opens(run: Run) -> None:
    # In one process, which looks for modules in the project first, as each of `python -m` does.
    output = run("-c", COMMANDS)
    assert output.count("no fault") == 2
    assert "best: epoch" in output


def test_predict_runs(run: Run) -> None:
    assert json.loads(run("-m", "distune", "predict", "student", text="好\n"))["label"] in ("bad", "good")


def test_the_folder_answers_by_itself(run: Run) -> None:
    assert json.loads(run("student", text="好\n"))["label"] in ("bad", "good")


@pytest.mark.parametrize("path", ["", "."], ids=["plain", "PYTHONPATH=."])
def test_serve_answers(folder: Path, path: str) -> None:
    program = [sys.executable, "-m", "distune", "serve", "student", "--port", "0"]
    with subprocess.Popen(
        program, cwd=folder, env=environment_with(path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert "http://127.0.0.1:" in line, line + process.stdout.read()
            port = line.split("http://127.0.0.1:")[1].split()[0]
            request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", json.dumps({"texts": ["好"]}).encode())
            with urllib.request.urlopen(request) as response:
                assert json.load(response)["answers"][0]["label"] in ("bad", "good")
        finally:
            process.kill()


@pytest.mark.long
@pytest.mark.parametrize("run", ["."], indirect=True)
def test_a_search_with_its_workers_runs(run: Run, folder: Path) -> None:
    assert "distilled champion" in run("-m", "distune", "search", "study.yaml", "--set", "tracking.register_as=null")
    assert "'champion'" in run("-c", "import distune; print(distune.results('study.yaml').champion.split('/')[-1:])")


@pytest.mark.soak
@pytest.mark.parametrize("run", [""], indirect=True)
def test_a_search_from_python_runs_and_its_champion_answers(run: Run) -> None:
    program = """
import distune
study = distune.load_study("study.yaml", **{"tracking.register_as": "theirs", "search.trials": 3})
found = distune.search(study)
print(found.table, len(found.trials), distune.load(found).predict(["好"]) == distune.load("theirs").predict(["好"]))
"""
    output = run("-c", program)
    assert "distilled champion" in output
    assert output.endswith(" 3 True\n")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment with all of this one's packages, Distune among them, and a distribution that ships a package `models`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "environment")], check=True)
    (theirs,) = (tmp_path / "environment" / "lib").glob("python*/site-packages")
    (theirs / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (theirs / "models").mkdir()
    (theirs / "models" / "__init__.py").write_text("MINE = 1\n")
    about = theirs / "their_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-models\nVersion: 1.0\n")
    (about / "RECORD").write_text("models/__init__.py,,\n")
    return tmp_path / "environment"


def test_a_distribution_that_ships_models_keeps_its_own(environment: Path, folder: Path) -> None:
    program = """
import importlib.metadata
import models, distune.models.predictor as ours
print(models.MINE, ours.__name__, importlib.metadata.version("their-models"), importlib.metadata.version("distune"))
"""
    python = str(environment / "bin" / "python")
    done = subprocess.run([python, "-c", program], cwd=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "distune.models.predictor", "1.0", "0.1.0"]
    predict = [python, "-m", "distune", "predict", str(folder / "student")]
    done = subprocess.run(predict, input="好\n", cwd=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["label"] in ("bad", "good")
