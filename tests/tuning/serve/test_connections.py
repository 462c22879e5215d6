"""Clients that keep the service waiting, of a process of its own with short limits."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.server import as_json, ask, served
from tests.processes import clients_of, wait_until

HOST = b"Host: localhost\r\n"
HEAD = b"POST /predict HTTP/1.1\r\n" + HOST
BODY = as_json({"texts": ["a"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("connections") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place)


@contextmanager
def ending_well(folder: Path, *times: object, gate: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Whatever its clients do, it says nothing, and ends well."""
    with served(folder, *times, "--max-connections", 700, "--max-body-bytes", 200_000, gate=gate) as (process, port):
        yield process, port
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
        assert process.stdout
        assert process.stdout.read() == ""


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It waits for its clients for 2 s: a client of these tests on a busy machine sends within that what it sends at once."""
    times = ("--header-timeout", 2, "--body-timeout", 2.5, "--idle-timeout", 0.5)
    with ending_well(folder, *times, gate=folder / "gate") as found:
        yield found


@pytest.fixture(scope="module")
def patient(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It waits for its clients longer than the slowest machine takes."""
    with ending_well(folder, "--header-timeout", 600, "--body-timeout", 600, "--idle-timeout", 600) as found:
        yield found


def connected(port: int, first: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=300)
    connection.sendall(first)
    return connection


def told(connection: socket.socket, drop: bytes = b"") -> bytes:
    """All that comes until the other side closes, while a byte is sent now and then."""
    found = b""
    connection.settimeout(0.1)
    while True:
        try:
            piece = connection.recv(65536)
            if not piece:
                return found
            found += piece
        except TimeoutError:
            with suppress(ConnectionError):  # It has closed meanwhile: what it said before that is still to be read.
                connection.sendall(drop)
        except ConnectionError:  # What we sent after it had closed.
            return found


def test_a_byte_now_and_then_does_not_keep_a_connection(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    answered = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    cases = [
        (b"", b"", b""),
        (b"GET /he", b"a", b"408 the header of the request did not come in 2 s (--header-timeout)"),
        (answered + b"GET /he", b"a", b"408 the header of the request did not come in 2 s (--header-timeout)"),
        (
            HEAD + b"Content-Length: 99\r\n\r\n",
            b" ",
            b"408 the body of the request did not come in 2.5 s (--body-timeout)",
        ),
        (answered, b"", b"200 "),
    ]
    with ExitStack() as stack:
        clients = stack.enter_context(ThreadPoolExecutor(len(cases)))
        connections = [stack.enter_context(connected(port, first)) for first, _, _ in cases]
        found = clients.map(told, connections, [drop for _, drop, _ in cases])
        for one, (_, _, expected) in zip(found, cases, strict=True):
            last = one.rpartition(b"HTTP/1.1 ")[2]
            status, _, body = last.partition(b"\r\n\r\n")
            reason = json.loads(body).get("error", "").encode() if body else b""
            assert status[:4] + reason == expected


def test_what_is_no_http_is_told_so_and_harms_nobody(patient: tuple[subprocess.Popen[str], int]) -> None:
    _, port = patient
    refused = b'{"error": "this is no HTTP request that is understood here"}'
    for first in (
        b"\x16\x03\x01\x02\x00",
        b"GET /health HTTP/1.1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nX: " + b"a" * 20_000,
    ):
        with connected(port, first) as connection:
            assert told(connection).endswith(refused)
    # Answered already, by a refusal, when the rest of the body turns out to be none.
    with connected(
        port, b"POST /other HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    ) as connection:
        found = connection.recv(1000)
        connection.sendall(b"zz\r\n")
        assert (found + told(connection)).startswith(b"HTTP/1.1 404 ")
    assert ask(port, "/health")[0] == 200


def test_an_answer_that_is_not_taken_is_dropped(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    body = as_json({"texts": ["a"] * 4096})
    whole = json.dumps(ask(port, "/predict", body)[1], separators=(",", ":"))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.settimeout(300)
        n_bytes = len(connection.recv(1))  # The answer begins to come; the rest of it is not taken.
        here = connection.getsockname()[1]
        wait_until(lambda: here not in clients_of(process.pid, port))
        with suppress(ConnectionResetError):
            while piece := connection.recv(1 << 20):
                n_bytes += len(piece)
        assert 0 < n_bytes < len(whole)


def memory_bytes(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_it_answers_and_stays_small_beside_many_who_do_not_finish(
    patient: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = patient
    with ExitStack() as stack:
        before = memory_bytes(process.pid)
        for _ in range(300):
            stack.enter_context(connected(port, HEAD))
        for i in range(300):
            try:
                stack.enter_context(connected(port, HEAD + b"Content-Length: 200000\r\n\r\n" + b" " * 199_000))
            except ConnectionError:  # It was refused to make room.
                continue
            assert i % 30 or ask(port, "/health")[0] == 200
        assert ask(port, "/predict", BODY)[0] == 200
        assert memory_bytes(process.pid) - before < 50_000_000  # All of them are 60 MB, and twice that when read.


def test_who_keeps_it_waiting_longest_makes_room_for_who_asks(folder: Path, tmp_path: Path) -> None:
    gate, times = tmp_path / "gate", ("--header-timeout", 600, "--body-timeout", 600)
    with served(folder, "--max-connections", 5, *times, gate=gate) as (_, port), ExitStack() as stack:
        first, *others = [stack.enter_context(connected(port, HEAD)) for _ in range(5)]
        status, value, headers = ask(port, "/health")  # None has kept it waiting for a second before the gate opens.
        assert (status, headers["retry-after"]) == (503, "1")
        assert value == {"error": "5 connections are open: try again (--max-connections)"}
        gate.touch()
        time.sleep(1.3)
        assert ask(port, "/health")[0] == 200
        assert told(first).startswith(b"HTTP/1.1 408 ")
        for other in others:
            other.sendall(b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
            assert other.recv(1000).startswith(b"HTTP/1.1 200 ")
