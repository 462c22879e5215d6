"""PostgreSQL, an S3 server and an MLflow server on loopback: the shared places of a cluster on one machine, to try.

    python -m distune.cluster.services FOLDER

Runs and users are in PostgreSQL: they survive a restart with the same FOLDER, and so do passwords and ports. The S3
server is moto's: it holds its buckets in memory, asks nobody for a key, and is for trying only. With it end all
artifacts and all of `storage`. A cluster that is used names a real bucket and its own PostgreSQL.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import importlib.util
import json
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distune.cluster import postgres
from distune.cluster.programs import (
    HOST,
    Process,
    Program,
    ServicesError,
    end,
    free_ports,
    inherited,
    start,
    wait_until_it_answers,
    write_private,
)

STORAGE, ARTIFACTS = "distune", "mlflow"
PACKAGES = ("boto3", "flask_wtf", "mlflow", "moto", "psycopg")
# Who is given no permission has none. A checked password is remembered: each check costs tens of milliseconds.
BASIC_AUTH = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = postgresql://mlflow@{host}:{port}/mlflow_auth
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Ports and passwords of a folder, made once and kept in it."""

    postgres_port: int
    s3_port: int
    mlflow_port: int
    superuser_password: str
    mlflow_password: str
    admin_password: str
    flask_key: str
    s3_key_id: str
    s3_key: str


@dataclass(frozen=True)
class Services:
    """The running servers: `environment` is for those who use it, `database` for psql."""

    environment: dict[str, str]
    database: dict[str, str]
    programs: Mapping[str, Program]
    processes: dict[str, Process]

    def start(self, name: str, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self.processes[name] = start(self.programs[name])
        wait_until_it_answers(self.programs[name], self.processes[name], is_stopping)

    def stop(self, name: str) -> None:
        end(self.programs[name], self.processes[name])
        del self.processes[name]

    def stop_mlflow(self) -> None:
        self.stop("mlflow")

    def start_mlflow(self) -> None:
        """Start the MLflow server again, on the port that it had."""
        self.start("mlflow")

    def check(self) -> None:
        """Raise ServicesError when one of them has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise ServicesError(f"{name} has ended with {process.returncode}; see {self.programs[name].log}")


@contextmanager
def services(folder: Path, is_stopping: Callable[[], bool] = lambda: False) -> Iterator[Services]:
    """All three, answering, for the length of a `with`; whatever happens in it, none of their processes is left.

    Raises ServicesError for what is missing, for what does not start, and when told to stop before all has started.
    """
    postgres.binaries()
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ServicesError(f"not installed: {', '.join(missing)}; pip install 'distune[search,services]'")
    folder = folder.absolute()
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    with _only_one(folder):
        settings = _settings(folder / "settings.json")
        write_private(folder / "basic_auth.ini", BASIC_AUTH.format(host=HOST, port=settings.postgres_port))
        database = postgres.client(settings.postgres_port, "mlflow", settings.mlflow_password, "mlflow")
        superuser = postgres.client(settings.postgres_port, "postgres", settings.superuser_password, "postgres")
        there = Services(_environment(settings), database, _programs(folder, settings), {})
        try:
            postgres.make_files(folder, settings.superuser_password)
            there.start("postgres", is_stopping)
            postgres.make_databases(folder, superuser, settings.mlflow_password)
            there.start("s3", is_stopping)
            _make_buckets(settings.s3_port)
            there.start("mlflow", is_stopping)
            yield there
        finally:
            for name in reversed(list(there.processes)):
                there.stop(name)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServicesError(f"the services of {folder} are running already") from error
        yield


def _settings(path: Path) -> Settings:
    """The settings of a folder; a port that another program has taken is replaced."""
    if path.exists():
        settings = Settings(**json.loads(path.read_text(encoding="utf-8")))
    else:
        settings = Settings(
            postgres_port=0,
            s3_port=0,
            mlflow_port=0,
            superuser_password=secrets.token_hex(16),
            mlflow_password=secrets.token_hex(16),
            admin_password=secrets.token_hex(16),
            flask_key=secrets.token_hex(16),
            s3_key_id=secrets.token_hex(16),
            s3_key=secrets.token_hex(16),
        )
    ports = free_ports([settings.postgres_port, settings.s3_port, settings.mlflow_port])
    settings = replace(settings, postgres_port=ports[0], s3_port=ports[1], mlflow_port=ports[2])
    write_private(path, json.dumps(asdict(settings), indent=1))
    return settings


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{settings.mlflow_port}",
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": settings.admin_password,
        "AWS_ACCESS_KEY_ID": settings.s3_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.s3_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{HOST}:{settings.s3_port}",
    }


def _programs(folder: Path, settings: Settings) -> dict[str, Program]:
    """The three servers. No password is in a command, which everybody on the machine can read."""
    mlflow = {
        **{name: value for name, value in _environment(settings).items() if name.startswith("AWS_")},
        "PGPASSWORD": settings.mlflow_password,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "basic_auth.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.flask_key,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    names = [f"{host}:{settings.mlflow_port}" for host in (HOST, "localhost")]
    return {
        "postgres": postgres.program(folder, settings.postgres_port),
        "s3": Program(
            command=[sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(settings.s3_port)],
            environment=inherited({"MOTO_DISABLE_GLOBAL_CORS": "true"}),
            folder=folder,
            log=folder / "logs" / "s3.log",
            answers=lambda: _status(settings.s3_port, "GET", "/moto-api/") == http.client.OK,
        ),
        "mlflow": Program(
            command=[
                sys.executable,
                "-m",
                "mlflow",
                "server",
                "--host",
                HOST,
                "--port",
                str(settings.mlflow_port),
                "--workers",
                "1",
                "--app-name",
                "basic-auth",
                "--backend-store-uri",
                f"postgresql://mlflow@{HOST}:{settings.postgres_port}/mlflow",
                "--serve-artifacts",
                "--artifacts-destination",
                f"s3://{ARTIFACTS}",
                "--allowed-hosts",
                ",".join(names),
                "--cors-allowed-origins",
                ",".join(f"http://{n}" for n in names),
            ],
            environment=inherited(mlflow),
            folder=folder,
            log=folder / "logs" / "mlflow.log",
            answers=lambda: _status(settings.mlflow_port, "GET", "/health") == http.client.OK,
        ),
    }


def _make_buckets(port: int) -> None:
    for bucket in (STORAGE, ARTIFACTS):
        status = _status(port, "PUT", f"/{bucket}")
        if status != http.client.OK:
            raise ServicesError(f"the S3 server answered {status} when asked for the bucket {bucket}")


def _status(port: int, method: str, path: str) -> int | None:
    """The HTTP status of an answer; None without an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the services until Ctrl-C or SIGTERM; 2 when one cannot be started or ends by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m distune.cluster.services", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folder", type=Path, help="where databases, passwords and logs are kept")
    folder: Path = parser.parse_args(arguments).folder.absolute()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        with services(folder, stop.is_set) as there:
            exports = [f"export {name}={shlex.quote(value)}\n" for name, value in there.environment.items()]
            write_private(folder / "environment.sh", "".join(exports))
            print(f"MLflow:   {there.environment['MLFLOW_TRACKING_URI']} (runs and users in PostgreSQL)")
            print(f"storage:  s3://{STORAGE}/NAME (in memory: it ends with this program)")
            print(f"use them: source {shlex.quote(str(folder / 'environment.sh'))}")
            print("end them: Ctrl-C", flush=True)
            while not stop.wait(1):
                there.check()
    except (ServicesError, OSError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 0 if stop.is_set() else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
