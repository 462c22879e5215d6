"""Commands as a page has them: in this process where that does, else as processes of their own; servers are asked once."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from distune.cluster.programs import free_ports
from distune.tuning.cli import _parser
from tests.making.ended import by_cli

ROOT = Path(__file__).resolve().parents[2]


def by_distune(words: list[str], stdin: str | None) -> str:
    """The CLI in this process; servers are started beside it, asked once, and ended."""
    options = None if "--help" in words else _parser().parse_args(words)
    if hasattr(options, "port"):
        return ask_server(words)
    for name in ("pull", "compress"):  # Both make a folder and refuse one that is there.
        if words[0] == name:
            shutil.rmtree(words[2], ignore_errors=True)
    return by_cli(words, stdin)


def in_process(program: str) -> str:
    """A program of a page; what it imported from beside it is forgotten again, as its name may be another's."""
    before, paths = set(sys.modules), list(sys.path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(program, run_name="__main__")
    sys.path[:] = paths
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).is_relative_to(
            Path.cwd()
        ):
            del sys.modules[name]
    return out.getvalue()


def in_shell(line: str) -> str:
    """A command as processes of its own, which must end well."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = f'distune() {{ {shlex.quote(sys.executable)} -m distune "$@"; }}; set -o pipefail; {line}'
    done = subprocess.run(
        ["bash", "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask_server(words: list[str]) -> str:
    """A command that serves, as a process at a free port, until it answers."""
    (port,) = free_ports([0])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "distune", *words, "--port", str(port)]
    with open("server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(program, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(1500):
                assert server.poll() is None, Path("server.log").read_text(encoding="utf-8")
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                with contextlib.closing(connection), contextlib.suppress(ConnectionError, TimeoutError):
                    connection.request("GET", "/")
                    assert connection.getresponse().status < 500
                    return ""
                time.sleep(0.2)
            raise AssertionError(f"{words} did not answer: {Path('server.log').read_text(encoding='utf-8')}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=300)
