"""The shared places as real processes: MLflow on PostgreSQL and S3, all of it on loopback."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pyarrow import fs

from distune.cluster import postgres
from distune.cluster.programs import UNUSED, ServicesError, free_ports
from distune.cluster.services import Services, services
from tests.conftest import needs_postgresql
from tests.processes import alive, command_of, family, files_under, listening, read, wait_until

ROOT = Path(__file__).resolve().parents[2]
PROC = Path("/proc")
AUTHENTICATED = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def folder(services_folder: Path) -> Path:
    return services_folder


@pytest.fixture
def there(shared_places: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services, and this process as one of their users."""
    for name, value in shared_places.environment.items():
        monkeypatch.setenv(name, value)
    return shared_places


def psql(there: Services, query: str) -> list[str]:
    command = [postgres.binaries() / "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", query]
    return subprocess.check_output(command, env={**os.environ, **there.database}, text=True).split()


def status(there: Services, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(there.environment["MLFLOW_TRACKING_URI"]).netloc, timeout=120)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def log_run(name: str) -> str:
    """A run with a metric and an artifact, logged through the server; returns its id."""
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    run_id: str = client.create_run(client.create_experiment(name)).info.run_id
    client.log_metric(run_id, "accuracy", 0.75)
    client.log_text(run_id, "很好", "notes/review.txt")
    return run_id


@needs_postgresql
@pytest.mark.slow
def test_runs_are_in_postgresql_and_artifacts_in_the_bucket(there: Services) -> None:
    run_id = log_run("kept")
    assert psql(there, f"SELECT value FROM metrics WHERE run_uuid = '{run_id}' AND key = 'accuracy'") == ["0.75"]
    s3 = boto3.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="mlflow")["Contents"] if run_id in one["Key"]]
    assert [key.rpartition("/artifacts/")[2] for key in keys] == ["notes/review.txt"]
    assert s3.get_object(Bucket="mlflow", Key=keys[0])["Body"].read().decode() == "很好"


@needs_postgresql
@pytest.mark.slow
def test_pyarrow_finds_the_storage_by_the_environment_alone(there: Services) -> None:
    system, path = fs.FileSystem.from_uri("s3://distune/x")
    with system.open_output_stream(f"{path}/logits.bin") as out:
        out.write(b"0123456789" * 1_000_000)
    with system.open_input_stream(f"{path}/logits.bin") as file:
        assert file.read() == b"0123456789" * 1_000_000
    assert boto3.client("s3").head_object(Bucket="distune", Key="x/logits.bin")["ContentLength"] == 10_000_000


@needs_postgresql
@pytest.mark.slow
def test_nobody_gets_in_without_the_password(there: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(there, AUTHENTICATED) == http.client.UNAUTHORIZED
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "password1234")
    with pytest.raises(MlflowException, match="401"):
        MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).search_experiments()
    with pytest.raises(subprocess.CalledProcessError):
        psql(Services(there.environment, there.database | {"PGPASSWORD": "password1234"}, {}, {}), "SELECT 1")


@needs_postgresql
@pytest.mark.slow
def test_foreign_hosts_and_origins_are_refused(there: Services) -> None:
    assert status(there, AUTHENTICATED, headers={"Host": "elsewhere.example"}) == http.client.FORBIDDEN
    origin = {"Origin": "http://elsewhere.example"}
    assert status(there, "/api/2.0/mlflow/runs/create", "POST", origin) == http.client.FORBIDDEN


@needs_postgresql
@pytest.mark.slow
def test_all_listen_on_loopback_alone(there: Services) -> None:
    ports = {urlsplit(there.environment[name]).port for name in ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL")}
    pids = [pid for process in there.processes.values() for pid in family(process.pid)]
    assert listening(pids) == {("127.0.0.1", port) for port in (*ports, int(there.database["PGPORT"]))}


@needs_postgresql
@pytest.mark.slow
def test_secrets_are_in_no_command_no_log_and_no_file_of_others(there: Services, folder: Path) -> None:
    settings = json.loads((folder / "shared" / "settings.json").read_text())
    # An access key's id is no secret: it stands in the address of every presigned request.
    secrets = [v.encode() for name, v in settings.items() if isinstance(v, str) and name != "s3_key_id"]
    assert len(set(secrets)) == 5
    pids = [pid for process in there.processes.values() for pid in family(process.pid)]
    # PostgreSQL removes and renames files of its own at any time; what has gone tells nobody anything.
    files = [path for path, mode in files_under(folder / "shared") if mode & 0o077 and path.parent.name != "postgres"]
    assert any(path.name == "mlflow.log" for path in files)
    for path in (*(PROC / str(pid) / "cmdline" for pid in pids), *files):
        assert not any(secret in (read(path) or b"") for secret in secrets), path


@needs_postgresql
@pytest.mark.slow
def test_mlflow_comes_back_where_it_was_and_knows_its_runs(there: Services) -> None:
    run_id = log_run("outage")
    there.stop("mlflow")
    with pytest.raises(ConnectionRefusedError):
        status(there, "/health")
    there.start("mlflow")
    assert MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_run(run_id).data.metrics == {"accuracy": 0.75}
    assert MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).list_artifacts(run_id, "notes")[0].path == "notes/review.txt"


@needs_postgresql
@pytest.mark.slow
def test_a_folder_has_its_services_once(there: Services, folder: Path) -> None:
    with pytest.raises(ServicesError, match=r"the services of \S+ are running already"), services(folder / "shared"):
        raise AssertionError("started")


def begin(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "distune.cluster.services", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(main: subprocess.Popen[str]) -> tuple[int, str]:
    """How a program has ended, and what it says of that."""
    _, errors = main.communicate(timeout=300)
    return main.returncode, errors


def sourced(main: subprocess.Popen[str]) -> dict[str, str]:
    """What `source environment.sh` gives, once the services say where it is."""
    assert main.stdout is not None
    printed = ""
    while "Ctrl-C" not in printed:
        line = main.stdout.readline()
        assert line, main.communicate()[1]
        printed += line
    path = re.findall(r"source (\S+)", printed)[0]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    shown = subprocess.check_output(["bash", "-c", f"source {path}; env -0"], text=True).split("\0")
    names = re.findall(r"export (\w+)", Path(path).read_text())
    return {name: value for name, _, value in (one.partition("=") for one in shown) if name in names}


@needs_postgresql
@pytest.mark.long
def test_the_program_ends_all_of_it_and_a_restart_knows_it_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder / "program"
    main = begin(place)
    before = sourced(main)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    run_id = log_run("restart")
    everybody = family(main.pid)
    main.send_signal(signal.SIGTERM)
    assert ended(main) == (0, "")
    assert len(everybody) > 8
    wait_until(lambda: alive(everybody) == [])

    main = begin(place)
    assert sourced(main) == before
    assert MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_run(run_id).data.metrics == {"accuracy": 0.75}
    everybody = family(main.pid)
    os.kill(next(pid for pid in everybody if "moto.server" in command_of(pid)), signal.SIGKILL)
    assert ended(main) == (2, f"services: s3 has ended with -9; see {place}/logs/s3.log\n")
    wait_until(lambda: alive(everybody) == [])

    main = begin(place)
    assert sourced(main) == before
    everybody = family(main.pid)
    main.kill()
    assert ended(main) == (-signal.SIGKILL, "")
    wait_until(lambda: alive(everybody) == [])


@needs_postgresql
@pytest.mark.slow
def test_ctrl_c_while_it_starts_leaves_nothing(folder: Path) -> None:
    main = begin(folder / "interrupted")
    wait_until(lambda: any("moto.server" in command_of(pid) for pid in family(main.pid)))
    everybody = family(main.pid)
    main.send_signal(signal.SIGINT)
    code, errors = ended(main)
    assert code == 0
    assert re.fullmatch(r"services: stopped while (s3|mlflow) was starting\n", errors)
    wait_until(lambda: alive(everybody) == [])


@needs_postgresql
@pytest.mark.slow
def test_what_does_not_start_names_its_log(folder: Path) -> None:
    place = folder / "broken"
    (place / "postgres" / "data").mkdir(parents=True)
    assert ended(begin(place)) == (2, f"services: postgres has ended with 2; see {place}/logs/postgres.log\n")


@needs_postgresql
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone runs PostgreSQL as somebody else")
def test_a_folder_that_the_user_postgres_cannot_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with (
        pytest.raises(ServicesError, match=r"the user postgres, .*, cannot enter \S+: name another"),
        services(tmp_path),
    ):
        raise AssertionError("started")


def test_a_machine_without_postgresql_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    with pytest.raises(ServicesError) as caught, services(tmp_path / "new"):
        raise AssertionError("started")
    assert str(caught.value) == f"no PostgreSQL in PATH or {tmp_path}; on Debian: apt-get install postgresql"
    assert not (tmp_path / "new").exists()


def test_a_port_that_is_taken_is_replaced() -> None:
    first = free_ports([0, 0])
    assert free_ports(first) == first
    again, other = free_ports([first[0], first[0]])
    assert again == first[0] != other
    assert {*first, other} <= set(UNUSED)
