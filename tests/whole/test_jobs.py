"""Searches as jobs of a real Ray cluster of two nodes on this machine, its token authentication on.

To start it and the services takes a minute: so all tests are long or soak, and one start serves them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.tracking import MlflowClient

from distune.cluster.services import Services
from distune.corpora.places import Place
from distune.models.checkpoint_folder import check_folder
from distune.tuning.cli import main
from distune.tuning.storage.paths import Folder, Layout
from distune.tuning.storage.records import TrialRecord, records_in
from distune.tuning.study.file import load_study
from tests.conftest import needs_postgresql
from tests.making.dashboard import Dashboard
from tests.making.reviews import tiny_document
from tests.processes import read
from tests.ray_nodes import BIN, ray_nodes, wait_until

pytestmark = [pytest.mark.slow, needs_postgresql]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, shared_places: Services) -> Iterator[Dashboard]:
    """Two nodes with a CPU each, and one without that is kept for timing; all know where the shared places are."""
    scratch = tmp_path_factory.mktemp("ray")
    with ray_nodes(scratch, 1, "--num-cpus=1", known=shared_places.environment) as nodes:
        nodes.add_worker("--num-cpus=0", '--resources={"latency": 1}')
        there = Dashboard(nodes.dashboard, f"ray://127.0.0.1:{nodes.client_port}", nodes.environment, nodes)
        wait_until(lambda: there.run("status").returncode == 0, 300)
        yield there


@pytest.fixture
def study(tmp_path: Path, reviews_csv: Path, teacher_folder: Path, shared_places: Services) -> Callable[..., Path]:
    """Writes a study whose results lie in the bucket, under the name of the test's own folder."""

    def write(**search: Any) -> Path:
        document = tiny_document(tmp_path, reviews_csv, teacher_folder)
        document["search"] |= search
        document["storage"] = f"s3://distune/{tmp_path.name}"
        document["tracking"] |= {"uri": shared_places.environment["MLFLOW_TRACKING_URI"]}
        document["cluster"] = {"latency_node": "latency"}
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return path

    return write


@pytest.fixture(autouse=True)
def known_places(shared_places: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process looks into the same places."""
    for name, value in shared_places.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.long
def test_a_submitted_search_ends_in_a_registered_champion(
    cluster: Dashboard, study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # outside the clone
    job = cluster.submit(study(trials=4))
    followed = cluster.run("logs", "-f", "tiny").stdout
    assert "registered as tiny-student version 1, alias champion" in followed, followed[-3000:]
    wait_until(lambda: cluster.is_finished(job), 300)
    main_ended(["pull", "tiny-student", str(tmp_path / "pulled")])
    check_folder(tmp_path / "pulled")
    folder = Folder(Place(f"s3://distune/{tmp_path.name}/searches/tiny/1"))
    assert {"champion", "finalists", "journal", "results.json", "search.json", "study.yaml", "table.txt"} <= set(
        folder.place.names()
    )
    assert json.loads((folder.place / "results.json").read_text())["timed_on"] == socket.gethostname()
    assert "attempt in process" in folder.trial(0).log.read_text()
    assert not folder.trial(0).training.exists()
    assert not folder.driver.exists()
    again = cluster.run("stop", "tiny")
    assert again.returncode == 2
    assert "has ended already: SUCCEEDED" in again.stderr


@pytest.mark.soak
def test_a_stopped_search_goes_on_where_it_was_and_mlflow_may_be_away_meanwhile(
    cluster: Dashboard, study: Callable[..., Path], shared_places: Services
) -> None:
    path = study(trials=300)
    first = cluster.submit(path)
    wait_until(lambda: n_done(path) >= 2, 900, every_s=1)
    shared_places.stop("mlflow")
    there = n_done(path)
    wait_until(lambda: n_done(path) > there + 2, 900)  # It does not wait for the server.
    shared_places.start("mlflow")
    assert cluster.run("stop", first).returncode == 0
    wait_until(lambda: cluster.is_finished(first), 600, every_s=3)
    assert "MLflow does not answer" in cluster.logs(first)
    before = {record.number: record for record in records(path) if record.state != "running"}
    assert there + 2 < len(before) < 300
    second = cluster.submit(path, "--resume")
    wait_until(lambda: n_done(path) > len(before) + 2, 900, every_s=1)
    assert cluster.run("stop", second).returncode == 0, cluster.logs(second)
    wait_until(lambda: cluster.is_finished(second), 600, every_s=3)
    after = {record.number: record for record in records(path)}
    assert len(after) == len(records(path)) > len(before)
    assert {number: after[number] for number in before} == before  # none lost and none repeated
    client = MlflowClient(shared_places.environment["MLFLOW_TRACKING_URI"])
    runs = client.search_runs(
        [client.get_experiment_by_name("tiny").experiment_id], f"tags.`distune.folder` = '{folder_of(path)}'"
    )
    (parent,) = runs
    children = client.search_runs(
        parent.info.experiment_id, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", max_results=400
    )
    states = {int(run.data.tags["distune.trial"]): run.data.tags["distune.state"] for run in children}
    assert len(states) == len(children)
    assert {number: record.state for number, record in after.items()} == states
    metrics = {int(run.data.tags["distune.trial"]): run.data.metrics.get("accuracy") for run in children}
    assert {n: r.score for n, r in after.items() if r.state == "complete"} == {
        n: metrics[n] for n, r in after.items() if r.state == "complete"
    }


@pytest.mark.soak
def test_a_submitted_search_is_steered_from_another_machine(
    cluster: Dashboard, study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = study(trials=300, seeds=1)
    # Trials of minutes: the one that is skipped cannot end before it is asked to.
    job = cluster.submit(path, "--set", "trial.epochs=20000", "--set", "search.scheduler=none")
    wait_until(lambda: len(running(path)) >= 1, 900, every_s=1)
    (skipped, *_) = running(path)
    main_ended(["skip", str(path), str(skipped)])  # With the storage alone: it needs no cluster, and no token.
    wait_until(lambda: state_of(path, skipped) == "skipped", 300, every_s=1)
    main_ended(["finish", str(path)])
    assert "starts no further trial" in capsys.readouterr().out

    def has_ended() -> bool:
        for number in running(path):
            folder_of(path).trial(number).skip.write_text("skipped by a test")
        return cluster.is_finished(job)

    wait_until(has_ended, 600, every_s=3)
    assert running(path) == []
    assert "of 300 trials: `distune finish` asked for it, on " in cluster.logs(job)
    assert folder_of(path).state["ended_early"].startswith("`distune finish` asked for it, on ")


def running(path: Path) -> list[int]:
    return [record.number for record in records(path) if record.state == "running"]


def state_of(path: Path, number: int) -> str:
    return next(record.state for record in records(path) if record.number == number)


def folder_of(path: Path) -> Folder:
    return Folder(Layout(Place(load_study(path).config.storage)).searches("tiny") / "1")


def records(path: Path) -> list[TrialRecord]:
    return records_in(load_study(path).config, folder_of(path))


def n_done(path: Path) -> int:
    return sum(record.state != "running" for record in records(path))


def client_logs() -> str:
    """What the head's processes for clients say, the newest last."""
    logs = (Path(tempfile.gettempdir()) / "ray").glob("session_2*/logs/ray_client_server*")
    # Those of other clusters come and go.
    newest = sorted((changed_s(path), path) for path in logs)[-4:]
    return "".join(f"\n{path}:\n{(read(path) or b'')[-2000:].decode(errors='replace')}" for _, path in newest)


def changed_s(path: Path) -> float:
    """When a file was changed; 0 for one that has gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@pytest.mark.soak
def test_a_search_through_the_ray_client_runs_there_and_prints_here(
    cluster: Dashboard, study: Callable[..., Path]
) -> None:
    command = [
        BIN / "distune",
        "search",
        study(trials=2, seeds=1),
        "--set",
        f"cluster.address={cluster.client}",
    ]
    done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr + cluster.nodes.ended() + client_logs()
    assert "registered as tiny-student version" in done.stdout


@pytest.mark.soak
def test_a_search_through_the_ray_client_is_steered_and_interrupted(
    cluster: Dashboard, study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study(trials=300, seeds=1)
    # Trials of minutes: the one that is skipped cannot end before it is asked to.
    changes = (f"cluster.address={cluster.client}", "trial.epochs=20000", "search.scheduler=none")
    command = [BIN / "distune", "search", path, *(word for change in changes for word in ("--set", change))]
    said = tmp_path / "said"
    with said.open("wb") as out:
        driver = subprocess.Popen(command, env=cluster.environment, stdout=out, stderr=out, start_new_session=True)
    wait_until(lambda: driver.poll() is not None or bool(running(path)), 900, every_s=1)
    assert driver.poll() is None, said.read_text()
    (skipped, *_) = running(path)
    main_ended(["skip", str(path), str(skipped)])
    wait_until(lambda: state_of(path, skipped) == "skipped", 600, every_s=1)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(600) == 130, said.read_text()
    assert "interrupted after 1 of 300 trials" in said.read_text()
    assert "Traceback" not in said.read_text()
    capsys.readouterr()
    main_ended(["finish", str(path)])
    assert "is run by nobody: it was interrupted after 1 of 300 trials" in capsys.readouterr().out


@pytest.mark.long
def test_what_a_client_runs_belongs_to_its_cluster_whatever_else_starts_on_the_machine(
    cluster: Dashboard, tmp_path: Path
) -> None:
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "where.py").write_text(
        "import ray\nray.init('auto', logging_level='ERROR')\nprint(ray.get_runtime_context().gcs_address, flush=True)\n"
    )
    (tmp_path / "newer").mkdir()
    client = (
        "import pathlib, sys\nfrom distune.cluster.client import run_through_client\n"
        "print(*run_through_client(sys.argv[1], pathlib.Path(sys.argv[2]), f'{sys.executable} where.py'))"
    )
    with ray_nodes(tmp_path / "newer", 0):
        done = subprocess.run(
            [sys.executable, "-c", client, cluster.client, tmp_path / "sent"],
            env=cluster.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.stdout.split()[-2:] == [f"{done.stdout.split(':')[0]}:{cluster.nodes.port}", "0"], done.stderr


@pytest.mark.long
def test_a_study_that_can_never_be_placed_is_refused_with_what_there_is(
    cluster: Dashboard, study: Callable[..., Path]
) -> None:
    done = cluster.run("submit", study(), "--set", "cluster.gpus_per_trial=1")
    assert done.returncode == 2
    assert "gpus_per_trial=1, but the nodes have: " in done.stderr
    assert (done.stderr.count("1 CPUs, 0 GPUs"), done.stderr.count("0 CPUs, 0 GPUs")) == (2, 1)


@pytest.mark.long
def test_nobody_gets_in_without_the_token(cluster: Dashboard) -> None:
    done = cluster.run("status", token=False)
    assert done.returncode == 2
    assert f"{cluster.address} asks for a token: set RAY_AUTH_MODE=token" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.long
def test_an_unknown_job_is_refused(cluster: Dashboard) -> None:
    done = cluster.run("logs", "nothing")
    assert done.returncode == 2
    assert "no job nothing on this cluster; the last ones are:" in done.stderr


def main_ended(arguments: list[str]) -> None:
    """A command of the CLI in this process, which must end well."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
