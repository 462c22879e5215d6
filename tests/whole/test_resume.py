"""A driver that is interrupted in mid-search: a real process. One that is killed is in test_chaos.py."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from distune.corpora.places import Place
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, records_in
from distune.tuning.study.file import load_study

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def start(study: Path, *options: str) -> subprocess.Popen[str]:
    """A real driver, in a process of its own."""
    command = [sys.executable, "-m", "distune", "search", str(study), *options]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.parametrize("asked", [pytest.param(signal.SIGINT, marks=pytest.mark.soak), signal.SIGTERM])
def test_who_is_asked_to_end_while_a_teacher_is_trained_ends_at_once(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], asked: signal.Signals
) -> None:
    document["teacher"] = {
        "from_scratch": {"layers": 1, "hidden_size": 8, "heads": 1, "min_count": 1},
        "epochs": 100_000,
        "patience": 100_000,
        "max_length": 16,
    }
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # As a shell starts what is to run in the background.
    command += [sys.executable, "-u", "-m", "distune", "cache", str(write_study(document))]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as driver:
        assert driver.stdout is not None
        said = ""
        while "teacher epoch 2/" not in said:
            line = driver.stdout.readline()
            assert line, said
            said += line
        driver.send_signal(asked)
        rest, _ = driver.communicate(timeout=900)
    assert driver.returncode == 130, rest
    assert rest.endswith("distune: interrupted\n")
    assert "Traceback" not in rest


def finished_trials(folder: Path) -> list[int]:
    return [record.number for record in records(folder) if record.state != "running"]


def records(folder: Path) -> list[TrialRecord]:
    """The trials of the tiny study as its folder has them now."""
    study = load_study(folder.parents[3] / "study.yaml")
    return records_in(study.config, Folder(Place(str(folder))))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 900
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def long_study(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], tmp_path: Path, store: str
) -> tuple[Path, Path]:
    """A study of 8 trials slow enough to be caught in the middle, and the folder of its first search."""
    document["name"] = "评论"
    document["search"] |= {"trials": 8, "seeds": 1}
    document["trial"] |= {"learning_rate": 0.01, "epochs": 60}
    del document["tracking"]["register_as"]
    return write_study(document), tmp_path / "storage" / "searches" / "评论" / "1"


@pytest.mark.parametrize("asked", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_who_is_asked_to_end_ends_a_search_cleanly_and_says_how_to_go_on(
    long_study: tuple[Path, Path], tmp_path: Path, asked: signal.Signals
) -> None:
    path, folder = long_study
    # However many cores there are, it is far from its end when two trials have ended.
    driver = start(path, "--set", "search.trials=1000", "--set", "trial.epochs=2")
    wait_for(lambda: len(finished_trials(folder)) >= 2, driver)
    driver.send_signal(asked)
    output, _ = driver.communicate(timeout=900)
    assert driver.returncode == 130, output
    assert "Traceback" not in output
    assert "of 1,000 trials; the same command with --resume goes on" in output
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("评论").experiment_id])
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "KILLED"
    assert "RUNNING" not in {run.info.status for run in runs}


def ended(*command: str) -> str:
    """What a command prints that must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "distune", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.soak
def test_a_search_is_interrupted_finished_interrupted_again_and_extended(
    long_study: tuple[Path, Path],
    document: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
) -> None:
    _, folder = long_study
    document["tracking"]["register_as"] = "tiny-student"
    path = write_study(document)
    driver = start(path)
    wait_for(lambda: len(finished_trials(folder)) >= 2, driver)
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=900)
    n_done = len(finished_trials(folder))
    assert f"interrupted after {n_done} of 8 trials" in output
    assert f"interrupted after {n_done} of 8 trials" in ended("finish", str(path))

    timing = 'import sys, time, distune.tuning.champion.verdict as v\nv.time_here = lambda job: (print("timing", flush=True), time.sleep(600))\n'
    timing += f"from distune.tuning.cli import main\nmain(['search', {str(path)!r}, '--resume'])"
    command = [sys.executable, "-c", timing]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as resumed:
        assert resumed.stdout is not None
        said = ""
        while "timing\n" not in said:
            said += (line := resumed.stdout.readline())
            assert line, said
        time.sleep(0.5)
        resumed.send_signal(signal.SIGINT)
        rest, _ = resumed.communicate(timeout=900)
    assert resumed.returncode == 130, rest
    assert "`distune finish` asked for it, on" in said
    assert "interrupted while the finalists were timed: all trials are kept, and no champion is registered" in rest
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert client.search_registered_models() == []

    assert "registered as tiny-student version 1" in ended("search", str(path), "--resume")
    results = json.loads((folder / "results.json").read_text())
    assert results["ended_early"].startswith("`distune finish` asked for it, on")
    n_trials = len(records(folder))
    output = ended("search", str(path), "--resume", "--set", f"search.trials={n_trials + 1}")
    assert f"trials {n_trials + 1}/{n_trials + 1} done" in output
    assert [one.state for one in records(folder)].count("complete") > n_done
    assert json.loads((folder / "results.json").read_text())["ended_early"] is None
    assert json.loads((folder / "search.json").read_text())["state"] == "ended"
    assert f"trials: {n_trials + 1}" in (folder / "study.yaml").read_text()
