"""A Ray cluster on this machine, as another terminal reaches it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.ray_nodes import BIN, Nodes


@dataclass(frozen=True)
class Dashboard:
    """A cluster's address, and the environment that knows its token."""

    address: str
    client: str
    environment: dict[str, str]
    nodes: Nodes

    def run(self, *arguments: str | Path, token: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of the CLI against this cluster, as from another terminal."""
        unknown = {} if token else {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}
        return subprocess.run(
            [BIN / "distune", *arguments, "--address", self.address],
            env={**self.environment, **unknown},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def submit(self, *arguments: str | Path) -> str:
        """The id of a new job."""
        done = self.run("submit", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(" is job ")[1].split()[0]

    def logs(self, job: str) -> str:
        return self.run("logs", job).stdout

    def is_finished(self, job: str) -> bool:
        return any(state in self.run("status", job).stdout for state in ("SUCCEEDED", "FAILED", "STOPPED"))
