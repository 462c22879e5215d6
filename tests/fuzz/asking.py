"""A process that reads damaged files: what it says of each is told to the tests, which outlive whatever a file does to it."""

from __future__ import annotations

import io
import os
import resource
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal
from unittest import mock

LIMIT_S = 20.0
"""No file of these sizes may take more of a core; the slowest whole one takes a second."""
WAIT_S = 600.0
"""The wall time after which also a process that gets nothing of a busy machine is given up."""
MEMORY_BYTES = 4 << 30
"""What reading one may take beyond what the process takes by itself."""
FEW_THREADS = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
"""On a machine of many cores each thread would take a part of that memory for itself, however little it needs."""


@dataclass(frozen=True)
class Said:
    """What came of a file: an answer, a line that refuses it, or a fault of ours."""

    kind: Literal["answer", "refusal", "fault", "hang", "crash"]
    text: str


def told(run: Callable[[], Any], path: Path | None) -> Said:
    """What a function says of a file; where its path is given, a refusal must name it."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            answer = run()
        out.flush()
        return Said("answer", f"{answer!r} {out.buffer.getvalue().decode()}")  # type: ignore[attr-defined]
    except SystemExit as ended:
        out.flush()
        answer = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
        if ended.code in (0, None):
            return Said("answer", answer)
        return _refusal(err.getvalue(), path)
    except BaseException as error:  # noqa: BLE001  (that is what is looked for)
        if getattr(error, "exit_code", None) is not None:
            return _refusal(str(error), path)
        return Said("fault", "".join(traceback.format_exception(error))[-3000:])


def _refusal(text: str, path: Path | None) -> Said:
    is_named = path is None or any(part in text for part in (path.name, path.parent.name))
    is_short = 0 < len(text) < 20_000 and "Traceback" not in text
    return Said("refusal" if is_named and is_short else "fault", text or "a refusal without a word")


def _serve(connection: Connection) -> None:
    from tests.fuzz.targets import TARGETS

    for number in (1, 2):  # What native readers print is for nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, taken + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.send("ready")
    while True:
        try:
            name, root, path = connection.recv()
        except EOFError:
            return
        target = TARGETS[name]
        connection.send(told(lambda target=target, root=root: target.ask(root), path if target.is_named else None))  # type: ignore[misc]


class Reader:
    """The process; it is started anew where a file has ended it, or kept it too long."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with mock.patch.dict(os.environ, FEW_THREADS):
            self._process.start()
        theirs.close()
        assert self._connection.recv() == "ready"

    def ask(self, name: str, root: Path, path: Path) -> Said:
        """What the target of a name says of the files under `root`, of which the one at `path` is damaged."""
        self._connection.send((name, root, path))
        kind: Literal["hang", "crash"] = "hang"
        begun_s, waited_until_s = self._core_s(), time.monotonic() + WAIT_S
        try:
            while self._core_s() - begun_s < LIMIT_S and time.monotonic() < waited_until_s:
                if self._connection.poll(1.0):
                    said: Said = self._connection.recv()
                    return said
        except EOFError:
            kind = "crash"
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        self._start()
        return Said(
            kind,
            f"the reading process ended with {code}"
            if kind == "crash"
            else f"more than {LIMIT_S:.0f} s of a core, or {WAIT_S:.0f} s in all",
        )

    def _core_s(self) -> float:
        """The time that the process has had of the cores: on a busy machine a slow answer is no hang."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()
