"""`distune serve --follow`: a real server, and versions that an alias of a real registry points to one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from distune.models.students.config import AverageConfig
from distune.tuning.commands.follower import Follower, FollowError
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.server import as_json, ask, served

WAITS_S = 300.0
NAME = "followed"


def version(client: MlflowClient, folder: Path, labels: tuple[str, str]) -> str:
    """A version in the registry that answers with these labels."""
    config = AverageConfig(kind="average")
    save_student(checkpoint_of(config, labels), folder)
    return str(client.create_model_version(NAME, str(folder)).version)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAITS_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = response.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.slow
def test_a_new_champion_takes_the_place_while_requests_come_and_none_is_lost(store: str, tmp_path: Path) -> None:
    client = MlflowClient(store)
    client.create_registered_model(NAME)
    first = version(client, tmp_path / "1", ("a", "b"))
    client.set_registered_model_alias(NAME, "champion", first)
    with served("--follow", NAME, "--every", "0.2", "--uri", store) as (process, port):
        assert ask(port, "/health")[1]["version"] == first
        answers: list[tuple[int, str]] = []
        is_over = threading.Event()

        def keep_asking() -> None:
            while not is_over.is_set():
                status, found, _ = ask(port, "/predict", as_json({"texts": ["好", "差"] * 40}))
                answers.append((status, "".join(sorted(found["answers"][0]["probabilities"]))))
                assert len({*found["answers"][0]["probabilities"]} ^ {*found["answers"][-1]["probabilities"]}) == 0

        clients = [threading.Thread(target=keep_asking) for _ in range(3)]
        for one in clients:
            one.start()
        second = version(client, tmp_path / "2", ("c", "d"))
        client.set_registered_model_alias(NAME, "champion", second)
        until(lambda: ask(port, "/health")[1]["version"] == second)
        until(lambda: answers[-1][1] == "cd")
        is_over.set()
        for one in clients:
            one.join()
        assert {status for status, _ in answers} == {200}
        assert {labels for _, labels in answers} == {"ab", "cd"}
        assert metric(port, "distune_model_swaps_total") == 1

        # An alias that points nowhere is told, and the present version goes on.
        client.delete_registered_model_alias(NAME, "champion")
        until(lambda: metric(port, "distune_model_version_faults_total") == 1)
        assert ask(port, "/health")[1]["version"] == second

        # The process that looks may be killed: another one goes on with what has come meanwhile.
        os.kill(child_of(process.pid), signal.SIGKILL)
        client.set_registered_model_alias(NAME, "champion", first)
        until(lambda: ask(port, "/health")[1]["version"] == first)

        looks = child_of(process.pid)
        process.terminate()
        assert process.wait(WAITS_S) == 0
        until(lambda: not Path(f"/proc/{looks}").exists())


def child_of(pid: int) -> int:
    """The process that a server has begun."""
    found: list[int] = []

    def has_one() -> bool:
        listed = subprocess.run(
            ["pgrep", "-P", str(pid), "-f", "following"], check=False, capture_output=True, text=True
        )
        found[:] = map(int, listed.stdout.split())
        return bool(found)

    until(has_one)
    return found[0]


@pytest.mark.parametrize("reference", ["", "name/3", "runs:/1/student", "name@", "@champion"])
def test_what_has_one_version_for_ever_is_not_followed(reference: str) -> None:
    with pytest.raises(FollowError, match=r"--follow needs the name of a registered model or NAME@ALIAS"):
        Follower("sqlite:///none.db", reference, 30.0)


def test_the_time_between_two_looks_is_above_0() -> None:
    with pytest.raises(FollowError, match="--every must be a number of seconds above 0, but got 0"):
        Follower("sqlite:///none.db", "name", 0.0)


def test_a_name_that_is_not_registered_is_a_line(store: str) -> None:
    MlflowClient(store).create_registered_model(NAME)
    follower = Follower(store, "another", 30.0)
    with pytest.raises(FollowError, match=f"another@champion is not known at {store}"):
        follower.first()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    follower = Follower(f"sqlite:///{tmp_path}/none.db", "name", 30.0)
    with pytest.raises(FollowError, match="there is no MLflow store"):
        follower.first()
    assert not (tmp_path / "none.db").exists()
