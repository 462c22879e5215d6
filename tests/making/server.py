"""A running `distune serve`, and what it is asked."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Answered = tuple[int, Any, dict[str, str]]


HELD = """
import pathlib, socket, sys, time
from distune.models.predictor import Predictor
from distune.tuning.cli import main
from distune.tuning.serve import connections, server

gate, answers = pathlib.Path(sys.argv.pop(1)), Predictor.answers
make_room, grace_s = connections.Connection._make_room, connections.GRACE_S
bind = server._bind

def held(self, texts):
    while "等" in texts and not gate.exists():
        time.sleep(0.01)
    return answers(self, texts)

def made(self):
    connections.GRACE_S = grace_s if gate.exists() else 3600.0
    return make_room(self)

def bound(*address):
    listener = bind(*address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # Connections inherit it.
    return listener

Predictor.answers, connections.Connection._make_room, server._bind = held, made, bound
main()
"""


@contextmanager
def served(*options: object, gate: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`distune serve` at a free port; stderr goes to its stdout. Where a gate is given, the system holds little
    of an answer that is not taken; and before that file exists it answers no text 等, and nobody has kept it waiting for long."""
    begin = ["-m", "distune"] if gate is None else ["-c", HELD, str(gate)]
    program = [sys.executable, *begin, "serve", *map(str, options), "--port", "0"]
    # A shell's background job ignores SIGINT, and so would the server that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process:
        signal.signal(signal.SIGINT, before)
        assert process.stdout
        try:
            line = process.stdout.readline()
            yield process, int(line.split("http://127.0.0.1:")[1].split()[0])
        finally:
            process.kill()


def ask(port: int, path: str, body: bytes | None = None) -> Answered:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET" if body is None else "POST", path, body)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content), {name.lower(): value for name, value in response.getheaders()}


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
