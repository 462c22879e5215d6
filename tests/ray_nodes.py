"""A Ray cluster of several nodes on this machine, each a `ray start` of its own: added, killed, and gone in the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distune.cluster.programs import free_ports

BIN = Path(sys.executable).parent
START_S = 300.0
"""A node takes 5 s; beside other tests on two busy cores it may take ten times as long."""
N_STARTS = 3
ENDING_S = 8.0
TOKEN = "a-secret-of-this-machine-0123456789"


class NotStartedError(Exception):
    """A node whose process has ended before it was one."""


@dataclass
class Nodes:
    """A running cluster; `environment` knows its token."""

    port: int
    dashboard_port: int
    client_port: int
    scratch: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}"

    def add(self, *options: str) -> subprocess.Popen[bytes]:
        """One more node, by options of `ray start`; one that gives up on a busy machine, as Ray does after 30 s, begins anew."""
        for _ in range(N_STARTS - 1):
            try:
                return self._add(*options)
            except NotStartedError:
                continue
        return self._add(*options)

    def _add(self, *options: str) -> subprocess.Popen[bytes]:
        command = [
            str(BIN / "ray"),
            "start",
            "--block",
            "--disable-usage-stats",
            "--object-store-memory=200000000",
            # Else it is the same one for all clusters of a machine, and a second one takes no jobs.
            f"--dashboard-agent-listen-port={free_ports([0])[0]}",
            *options,
        ]
        log = self.scratch / f"node-{len(self.processes)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out, start_new_session=True)
        self.processes.append(process)

        def has_started() -> bool:
            said = log.read_text(encoding="utf-8")
            if process.poll() is not None:
                self.processes.remove(process)
                raise NotStartedError(f"ray start has ended with {process.returncode}: {said[-2000:]}")
            return "Ray runtime started" in said

        wait_until(has_started, START_S)
        return process

    def ended(self) -> str:
        """What the nodes whose processes have ended said last; empty while all run."""
        logs = ((self.scratch / f"node-{number}.log", process) for number, process in enumerate(self.processes))
        return "".join(
            f"\nnode {log} has ended with {process.returncode}: {log.read_text(encoding='utf-8')[-2000:]}"
            for log, process in logs
            if process.poll() is not None
        )

    def add_worker(self, *options: str) -> subprocess.Popen[bytes]:
        return self.add(f"--address={self.address}", *(options or ("--num-cpus=1",)))


def kill(node: subprocess.Popen[bytes]) -> None:
    """Take a node away at once, with all that runs on it; one that has gone before stays so."""
    if node.poll() is None:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


@contextmanager
def ray_nodes(
    scratch: Path, n_workers: int, *head_options: str, known: Mapping[str, str] | None = None
) -> Iterator[Nodes]:
    """A head and `n_workers` nodes of one CPU, with `known` in their environment; their processes end with the `with`."""
    environment = {
        **os.environ,
        **(known or {}),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # The server of a client starts slowly where a whole cluster shares two cores.
        "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",
        # A node that is slow is not dead; one that is dead refuses at once.
        "RAY_health_check_timeout_ms": "60000",
    }
    nodes = Nodes(*free_ports([0, 0, 0]), scratch, environment)
    try:
        nodes.add(
            "--head",
            "--node-ip-address=127.0.0.1",
            f"--port={nodes.port}",
            f"--dashboard-port={nodes.dashboard_port}",
            "--dashboard-host=127.0.0.1",
            f"--ray-client-server-port={nodes.client_port}",
            *(head_options or ("--num-cpus=0",)),
        )
        wait_until(lambda: _listens(nodes.dashboard_port), START_S)
        for _ in range(n_workers):
            nodes.add_worker()
        yield nodes
    finally:
        for process in reversed(nodes.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + ENDING_S
        for process in nodes.processes:
            try:
                process.wait(timeout=max(0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                kill(process)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.2) -> None:
    """Raises TimeoutError when a condition does not come true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s} s in vain")
        time.sleep(every_s)
