from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import ray

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.connection import _init, connected
from distune.cluster.on_ray import InProcessBesideRay, OnRay
from tests.processes import family, listening

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="reads Linux's tables of sockets")
def test_a_local_instance_listens_on_loopback_alone_and_may_end_before_its_block() -> None:
    with connected(ClusterConfig()):
        assert ray.get(ray.remote(lambda: 0).remote()) == 0
        found = {address for address, _ in listening(family(os.getpid()))}
        assert not OnRay(ClusterConfig()).alone(lambda _: ray.is_initialized(), None)
    assert found == {"127.0.0.1"}


KILLS = """
import logging, signal, sys, time
# What started the tests may itself run in the background of a shell.
signal.signal(signal.SIGINT, signal.SIG_IGN if "background" in sys.argv[2] else signal.default_int_handler)
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from distune.cluster import connection
from distune.cluster.config import ClusterConfig
from distune.cluster.connection import IS_A_COMMAND, _processes_of_ray, connected
if sys.argv[1] == "raylet":  # Ray itself takes up to 20 s to end a process whose gcs_server is gone.
    connection.ENDED_AFTER_S = 2.0
if sys.argv[2] == "command":
    IS_A_COMMAND.set()
try:
    with connected(ClusterConfig()):
        _processes_of_ray()[sys.argv[1]].kill()
        time.sleep(300)
except KeyboardInterrupt:
    print("interrupted, and alive")
    sys.exit(7)
"""


# Without its gcs_server Ray ends whatever process it is in.
KILLED = (
    ("gcs_server", "command"),
    ("raylet", "command"),
    ("raylet", "program"),
    ("raylet", "program in the background"),
)


def kill(name: str, whose: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLS, name, whose], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.fixture(scope="module")
def killing() -> Iterator[dict[tuple[str, str], Future[subprocess.CompletedProcess[str]]]]:
    """The programs, two at a time, as most of their time they wait."""
    with ThreadPoolExecutor(2) as pool:
        yield {which: pool.submit(kill, *which) for which in KILLED}


@pytest.mark.long
@pytest.mark.parametrize(("name", "whose"), KILLED)
def test_a_process_of_ray_that_is_killed_is_named_and_nothing_hangs(
    name: str, whose: str, killing: dict[tuple[str, str], Future[subprocess.CompletedProcess[str]]]
) -> None:
    ended = killing[name, whose].result()
    assert ended.returncode == 7 if whose == "program" else ended.returncode not in (0, 7)
    assert f"Ray's process {name} has died" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def process_of(_: object, shared: object = None) -> int:
    return os.getpid()


def test_students_of_a_teacher_are_trained_on_a_ray_that_is_there_for_that_time_alone() -> None:
    runner = InProcessBesideRay(ClusterConfig(gpus_per_trial="auto"))
    assert os.getpid() not in dict(runner.each(process_of, [0, 1], None)).values()
    assert not ray.is_initialized()
    assert (runner.once(os.getpid), dict(runner.map(process_of, [0]))) == (os.getpid(), {0: os.getpid()})


def test_a_trial_that_fits_on_no_node_is_refused_with_what_there_is() -> None:
    message = r"asks for cpus_per_trial=1, gpus_per_trial=99, but the nodes have: \d+ CPUs"
    with pytest.raises(ClusterError, match=message), connected(ClusterConfig(gpus_per_trial=99)):
        raise AssertionError("connected")
    assert not ray.is_initialized()


def test_a_cluster_out_of_reach_is_refused_in_one_line() -> None:
    message = r"cannot connect to Ray at 127\.0\.0\.1:1"
    with pytest.raises(ClusterError, match=message) as caught, connected(ClusterConfig(address="127.0.0.1:1")):
        raise AssertionError("connected")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_failures", "is_refused"), [(0, False), (2, False), (3, True)])
def test_ray_is_started_anew_where_a_busy_machine_takes_longer_than_it_waits(
    n_failures: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def init(address: str, **options: object) -> None:
        tried.append(address)
        if len(tried) <= n_failures:
            raise Exception("The current node timed out during startup. This could happen because ...")

    monkeypatch.setattr("distune.cluster.connection.ray.init", init)
    if is_refused:
        with pytest.raises(ClusterError, match="Ray did not start at local in three tries of 30 s"):
            _init("local", {})
    else:
        _init("local", {})
    assert len(tried) == min(n_failures + 1, 3)


def test_what_ray_refuses_for_another_reason_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(address: str, **options: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr("distune.cluster.connection.ray.init", init)
    with pytest.raises(ConnectionError, match="refused"):
        _init("local", {})
