"""Programs of other people as processes of this machine: started, waited for, ended with all that they started."""

from __future__ import annotations

import errno
import http.client
import os
import pwd
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
UNUSED = range(20_000, 32_768)
"""Ports below those that Linux and macOS give by themselves, and above those of Ray's workers."""
START_TIMEOUT_S, STOP_TIMEOUT_S = 120, 20


class ServicesError(ValueError):
    """A program that is missing, does not start or has ended; the message says what to do or where its log is."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to start: its command, folder and user, the sign that it answers, and the signal that ends it."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    answers: Callable[[], bool]
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


Process = subprocess.Popen[bytes]


def start(program: Program) -> Process:
    """Start a program in a session of its own, out of the terminal's reach; it ends when this thread is killed."""
    with program.log.open("ab") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", program.stop_signal.name.removeprefix("SIG"), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=program.environment,
            cwd=program.folder,
            start_new_session=True,
            **_as_user(program.user),
        )


def wait_until_it_answers(program: Program, process: Process, is_stopping: Callable[[], bool]) -> None:
    """Raises ServicesError when it ends or takes too long instead, or when told to stop."""
    end_s = time.monotonic() + START_TIMEOUT_S
    while not program.answers():
        if process.poll() is not None:
            raise ServicesError(f"{program.log.stem} has ended with {process.returncode}; see {program.log}")
        if is_stopping():
            raise ServicesError(f"stopped while {program.log.stem} was starting")
        if time.monotonic() > end_s:
            raise ServicesError(f"{program.log.stem} does not answer after {START_TIMEOUT_S} s; see {program.log}")
        time.sleep(0.1)


def end(program: Program, process: Process) -> None:
    """Ask a program to end; what of its group has not ended in time is killed."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(
    command: Sequence[str], log: Path, environment: Mapping[str, str], user: str | None = None, typed: str = ""
) -> None:
    """Run a command to its end; raises ServicesError when it fails."""
    with log.open("ab") as out:
        done = subprocess.run(
            command,
            input=typed.encode(),
            stdout=out,
            stderr=out,
            env=environment,
            cwd="/",
            start_new_session=True,
            check=False,
            **_as_user(user),
        )
    if done.returncode:
        raise ServicesError(f"{Path(command[0]).name} failed; see {log}")


def _as_user(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def succeeds(command: Sequence[str], user: str | None = None) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, env=inherited({}), check=False, **_as_user(user)).returncode == 0


def http_status(port: int, method: str, path: str) -> int | None:
    """The HTTP status of an answer; None without an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def inherited(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, and more, without what would lead a server elsewhere."""
    elsewhere = ("MLFLOW_", "_MLFLOW_", "AWS_", "PG", "MOTO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    return {**kept, "NO_PROXY": HOST, **more}


def free_ports(wanted: Sequence[int]) -> list[int]:
    """Those ports, with a free one in the place of each that is taken or 0.

    A program takes seconds until it listens at its port. So a free one is of those that the system gives to nobody by
    itself: until then no connection and no other server gets it.
    """
    with ExitStack() as held:
        found = []
        for port in wanted:
            candidates = (*([port] if port else []), *secrets.SystemRandom().sample(UNUSED, len(UNUSED)))
            one = next(filter(None, map(_listener, candidates)), None)
            if one is None:
                raise ServicesError(f"all ports from {UNUSED.start} to {UNUSED.stop - 1} are taken")
            held.enter_context(one)
            found.append(int(one.getsockname()[1]))
        return found


def _listener(port: int) -> socket.socket | None:
    """A socket that listens at a port; None if another does."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have just ended do not count
    try:
        one.bind((HOST, port))
        one.listen()
    except OSError as error:
        one.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return one


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
