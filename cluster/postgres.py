"""A PostgreSQL of our own on loopback, from Debian's package: its files, its program, MLflow's databases in it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from pathlib import Path

from distune.cluster.programs import HOST, Program, ServicesError, inherited, run, succeeds, write_private

USER = "postgres"  # who runs it where we are root, as it refuses root; Debian's package brings this user
DEBIAN = Path("/usr/lib/postgresql")
PROGRAMS = ("initdb", "postgres", "psql", "pg_isready")
DATABASES = ("mlflow", "mlflow_auth")
ROLE = """\
SELECT 'CREATE ROLE mlflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow')\\gexec
ALTER ROLE mlflow PASSWORD '{password}';
"""
DATABASE = """\
SELECT 'CREATE DATABASE {name} OWNER mlflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}')\\gexec
"""


def binaries() -> Path:
    """The folder of PostgreSQL's programs: that of `initdb` in PATH, else the newest of Debian's."""
    in_path = shutil.which("initdb")
    found = [Path(in_path).resolve().parent] if in_path else []
    debian = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    found += sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    whole = [path for path in found if all((path / name).exists() for name in PROGRAMS)]
    if not whole:
        raise ServicesError(f"no PostgreSQL in PATH or {DEBIAN}; on Debian: apt-get install postgresql")
    return whole[0]


def program(folder: Path, port: int) -> Program:
    """The server over the files in `folder/postgres/data`; it has no socket but that port of loopback."""
    isready = [str(binaries() / "pg_isready"), "--quiet", f"--host={HOST}", f"--port={port}"]
    settings = (f"listen_addresses={HOST}", f"port={port}", "unix_socket_directories=")
    return Program(
        command=[
            str(binaries() / "postgres"),
            "-D",
            str(folder / "postgres" / "data"),
            *(f"--{one}" for one in settings),
        ],
        environment=inherited({}),
        folder=folder,
        log=folder / "logs" / "postgres.log",
        answers=lambda: succeeds(isready),
        user=_user(),
        stop_signal=signal.SIGINT,  # clean, and at once; SIGTERM would wait for clients
    )


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError as error:
        raise ServicesError(f"PostgreSQL refuses to run as root, and there is no user {USER} to run it as") from error


def make_files(folder: Path, password: str) -> None:
    """Make the server's files, once, with the superuser's password: `postgres/data` is whole or not there."""
    place, user = folder / "postgres", _user()
    new, password_file = place / "new", place / "password"
    place.mkdir(mode=0o700, exist_ok=True)
    if user:
        shutil.chown(place, user)
        if not succeeds(["test", "-w", str(place)], user):
            raise ServicesError(
                f"the user {user}, who runs PostgreSQL for root, cannot enter {folder}: name another folder"
            )
    if (place / "data").exists():
        return
    shutil.rmtree(new, ignore_errors=True)
    write_private(password_file, password)
    if user:
        shutil.chown(password_file, user)
    try:
        run(
            [
                str(binaries() / "initdb"),
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--no-locale",
                "--pgdata",
                str(new),
            ],
            folder / "logs" / "initdb.log",
            inherited({}),
            user=user,
        )
    finally:
        password_file.unlink()
    new.rename(place / "data")


def make_databases(folder: Path, superuser: dict[str, str], password: str) -> None:
    """Make MLflow's databases if they are missing, and their owner `mlflow` with its password."""
    typed = ROLE.format(password=password) + "".join(DATABASE.format(name=name) for name in DATABASES)
    command = [str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    run(command, folder / "logs" / "psql.log", inherited(superuser), typed=typed)


def client(port: int, user: str, password: str, database: str) -> dict[str, str]:
    """The environment by which psql and other clients of libpq reach it."""
    return {"PGHOST": HOST, "PGPORT": str(port), "PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database}
