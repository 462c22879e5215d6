"""Searches as jobs of a real Ray cluster of two nodes on this machine, its token authentication on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpora.places import Place
from models.predictor import check_folder
from tests.conftest import tiny_document
from tuning.cli import main
from tuning.folder import Folder, Layout
from tuning.records import TrialRecord, records_in
from tuning.study import load_study

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Dashboard:
    """A cluster's address, and the environment that knows its token."""

    address: str
    environment: dict[str, str]

    def run(self, *arguments: str | Path, token: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of the CLI against this cluster, as from another terminal."""
        unknown = {} if token else {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}
        return subprocess.run(
            [BIN / "distune", *arguments, "--address", self.address], env={**self.environment, **unknown},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def submit(self, *arguments: str | Path) -> str:
        """The id of a new job."""
        done = self.run("submit", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(" is job ")[1].split()[0]

    def logs(self, job: str) -> str:
        return self.run("logs", job).stdout

    def is_finished(self, job: str) -> bool:
        return any(state in self.run("status", job).stdout for state in ("SUCCEEDED", "FAILED", "STOPPED"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Two nodes with a CPU each; their processes end with their groups."""
    port, dashboard = free_port(), free_port()
    environment = {
        **os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-secret-of-this-test-0123456789",
        "PATH": f"{BIN}:{os.environ['PATH']}", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }  # fmt: skip
    scratch = tmp_path_factory.mktemp("ray")
    common = ["--block", "--num-cpus=1", "--disable-usage-stats", "--object-store-memory=200000000"]
    nodes = [
        ["--head", "--node-ip-address=127.0.0.1", f"--port={port}", f"--dashboard-port={dashboard}",
         "--dashboard-host=127.0.0.1", f"--ray-client-server-port={free_port()}", *common],
        [f"--address=127.0.0.1:{port}", *common],
    ]  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number, options in enumerate(nodes):
            with (scratch / f"node-{number}.log").open("wb") as log:
                command = [str(BIN / "ray"), "start", *options]
                started.append(
                    subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
                )
            wait_until(lambda: listens(dashboard), 90)
        there = Dashboard(f"http://127.0.0.1:{dashboard}", environment)
        wait_until(lambda: there.run("status").returncode == 0, 90)
        yield there
    finally:
        for node in reversed(started):
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGTERM)
        for node in started:
            node.wait(timeout=60)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.5)


@pytest.fixture
def study(tmp_path: Path, reviews_csv: Path, teacher_folder: Path) -> Callable[..., Path]:
    def write(**search: Any) -> Path:
        document = tiny_document(tmp_path, reviews_csv, teacher_folder)
        document["search"] |= search
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return path

    return write


def test_a_submitted_search_ends_in_a_registered_champion(
    cluster: Dashboard, study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # outside the clone
    job = cluster.submit(study(trials=4))
    followed = cluster.run("logs", "-f", "tiny").stdout
    assert "registered as tiny-student version 1, alias champion" in followed, followed[-3000:]
    wait_until(lambda: cluster.is_finished(job), 60)
    pulled = subprocess.run(
        [BIN / "distune", "pull", "tiny-student", tmp_path / "pulled", "--uri", f"sqlite:///{tmp_path / 'mlflow.db'}"],
        check=False,
    )
    assert pulled.returncode == 0
    check_folder(tmp_path / "pulled")
    again = cluster.run("stop", "tiny")
    assert again.returncode == 2
    assert "has ended already: SUCCEEDED" in again.stderr


def test_a_stopped_search_goes_on_where_it_was(cluster: Dashboard, study: Callable[..., Path]) -> None:
    path = study(trials=300)
    first = cluster.submit(path)
    wait_until(lambda: n_done(path) >= 2, 180)
    assert cluster.run("stop", first).returncode == 0
    wait_until(lambda: cluster.is_finished(first), 90)
    before = {record.number: record for record in records(path) if record.state != "running"}
    assert len(before) < 300
    second = cluster.submit(path, "--resume")
    wait_until(lambda: n_done(path) > len(before) + 2 or cluster.is_finished(second), 180)
    assert cluster.run("stop", second).returncode == 0, cluster.logs(second)
    wait_until(lambda: cluster.is_finished(second), 90)
    after = {record.number: record for record in records(path)}
    assert len(after) == len(records(path)) > len(before)
    assert {number: after[number] for number in before} == before  # none lost and none repeated


def records(path: Path) -> list[TrialRecord]:
    config = load_study(path).config
    return records_in(config, Folder(Layout(Place(config.storage)).searches("tiny") / "1"))


def n_done(path: Path) -> int:
    return sum(record.state != "running" for record in records(path))


def test_a_study_that_can_never_be_placed_is_refused_with_what_there_is(
    cluster: Dashboard, study: Callable[..., Path]
) -> None:
    done = cluster.run("submit", study(), "--set", "cluster.gpus_per_trial=1")
    assert done.returncode == 2
    assert "gpus_per_trial=1, but the nodes have: 1 CPUs, 0 GPUs; 1 CPUs, 0 GPUs" in done.stderr


def test_nobody_gets_in_without_the_token(cluster: Dashboard) -> None:
    done = cluster.run("status", token=False)
    assert done.returncode == 2
    assert f"{cluster.address} asks for a token: set RAY_AUTH_MODE=token" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_job_is_refused(cluster: Dashboard) -> None:
    done = cluster.run("logs", "nothing")
    assert done.returncode == 2
    assert "no job nothing on this cluster; the last ones are:" in done.stderr


def test_an_address_that_is_no_dashboard_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["status", "--address", "ray://127.0.0.1:10001"])
    assert stopped.value.code == 2
    expected = "--address takes the cluster's dashboard, such as http://HOST:8265, but got ray://127.0.0.1:10001"
    assert expected in capsys.readouterr().err
