"""PostgreSQL, an S3 server and an MLflow server on loopback: the shared places of a cluster on one machine, to try.

    python -m distune.cluster.services FOLDER

Runs and users are in PostgreSQL: they survive a restart with the same FOLDER, and so do passwords and ports. The S3
server is moto's: it holds its buckets in memory, asks nobody for a key, and is for trying only. With it end all
artifacts and all of `storage`. A cluster that is used names a real bucket and its own PostgreSQL.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distune.cluster import mlflow_server, postgres, s3_server
from distune.cluster.programs import Process, Program, ServicesError, end, start, wait_until_it_answers, write_private
from distune.cluster.service_settings import Settings, settings_of

PACKAGES = ("boto3", "flask_wtf", "mlflow", "moto", "psycopg")


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
        settings = settings_of(folder / "settings.json")
        database = postgres.client(settings.postgres_port, "mlflow", settings.mlflow_password, "mlflow")
        superuser = postgres.client(settings.postgres_port, "postgres", settings.superuser_password, "postgres")
        there = Services(settings.environment, database, _programs(folder, settings), {})
        try:
            postgres.make_files(folder, settings.superuser_password)
            there.start("postgres", is_stopping)
            postgres.make_databases(folder, superuser, settings.mlflow_password)
            there.start("s3", is_stopping)
            s3_server.make_buckets(settings.s3_port)
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


def _programs(folder: Path, settings: Settings) -> dict[str, Program]:
    """The three servers. No password is in a command, which everybody on the machine can read."""
    return {
        "postgres": postgres.program(folder, settings.postgres_port),
        "s3": s3_server.program(folder, settings.s3_port),
        "mlflow": mlflow_server.program(folder, settings),
    }


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
            print(f"storage:  s3://{s3_server.STORAGE}/NAME (in memory: it ends with this program)")
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
