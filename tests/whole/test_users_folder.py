"""In a folder whose own modules are called as our folders are, everything runs: real processes, plain and with PYTHONPATH=."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from distune.corpora import encoding
from distune.models.checkpoint import save_checkpoint
from tests.conftest import tiny_document
from tests.models.test_checkpoint import STUDENTS, checkpoint_of

pytestmark = pytest.mark.slow
THEIRS = 'raise RuntimeError("a module of the user was imported")\n'
Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path) -> Path:
    """A project with modules `tuning`, `losses` and `corpora` and packages `models` and `cluster` of its own, and a study."""
    place = tmp_path_factory.mktemp("project")
    for name in ("tuning.py", "losses.py", "corpora.py", "models/__init__.py", "cluster/__init__.py"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(THEIRS)
    shutil.copyfile(reviews_csv, place / "reviews.csv")
    document = tiny_document(place, Path("reviews.csv"), teacher_folder)
    document["search"] |= {"trials": 2, "seeds": 1}
    (place / "study.yaml").write_text(yaml.safe_dump(document))
    save_checkpoint(checkpoint_of(STUDENTS[0]), place / "student", "", Path(encoding.__file__))
    return place


@pytest.fixture(params=["", "."], ids=["plain", "PYTHONPATH=."])
def run(request: pytest.FixtureRequest, folder: Path) -> Run:
    """Runs Python in the project; what it printed, or the failure of the test."""

    def in_folder(*arguments: str, text: str = "") -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"PYTHONPATH": request.param} if request.param else {}
        # The console script, unlike `python -m`, does not put the working directory first.
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return in_folder


def test_check_trial_and_predict_run(run: Run) -> None:
    assert "no fault" in run("-m", "distune", "check", "study.yaml")
    assert "best: epoch" in run("-m", "distune", "trial", "study.yaml", "--set", "trial.epochs=1")
    assert json.loads(run("-m", "distune", "predict", "student", text="好\n"))["label"] in ("bad", "good")


def test_the_door_opens(run: Run) -> None:
    program = "import distune; print(distune.check(distune.load_study('study.yaml'))); print(distune.load('student').predict(['好']))"
    assert "no fault" in run("-c", program)


@pytest.mark.long
@pytest.mark.parametrize("run", ["."], indirect=True)
def test_a_search_with_its_workers_runs(run: Run, folder: Path) -> None:
    assert "distilled champion" in run("-m", "distune", "search", "study.yaml", "--set", "tracking.register_as=null")
    assert "'champion'" in run("-c", "import distune; print(distune.results('study.yaml').champion.split('/')[-1:])")


@pytest.mark.long
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


def test_another_package_called_models_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("MINE = 1\n")
    program = "import models, distune.models.predictor as ours; print(models.MINE, ours.__name__)"
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "distune.models.predictor"]
