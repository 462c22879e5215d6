"""The versions of an alias in MLflow's registry, fetched by a process of its own.

MLflow takes seconds to import and 150 MB, which a server of a small student should not spend: another process looks and pulls.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from distune.tuning.serve.versions import Offer


class FollowError(Exception):
    """A name that cannot be followed; the message says why."""

    exit_code: ClassVar[int] = 2


class Follower:
    """The versions that an alias of a registered model points to, as `Versions` has them; looked for every `every_s` seconds."""

    def __init__(self, uri: str, reference: str, every_s: float) -> None:
        self.name, _, alias = reference.partition("@")
        if not self.name or "/" in reference or ":" in reference or (not alias and "@" in reference):
            raise FollowError(
                f"--follow needs the name of a registered model or NAME@ALIAS, whose versions change, but got {reference!r}"
            )
        if not every_s > 0:
            raise FollowError(f"--every must be a number of seconds above 0, but got {every_s:g}")
        self._asked = {"uri": uri, "name": self.name, "alias": alias, "every_s": every_s}
        self._every_s, self._known = every_s, ""
        self._scratch = tempfile.TemporaryDirectory(prefix="distune-follow-")
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def first(self) -> Offer:
        """Wait for the present version. Raises FollowError if it cannot be fetched."""
        self._process = self._begin()
        line = next(iter(self._process.stdout or ()), "")
        told = self._offer(json.loads(line)) if line else f"the process that fetches {self.name} has ended"
        if isinstance(told, str):
            self._process.kill()
            with self._process:  # Its pipes are closed.
                self.close()
            raise FollowError(told)
        return told

    def listen(self, on_offer: Callable[[Offer], object], on_fault: Callable[[str], object]) -> None:
        """Have each further version and each fault told, by a thread of its own, until `close`."""
        threading.Thread(target=self._listen, args=(on_offer, on_fault), daemon=True).start()

    def close(self) -> None:
        """End the process that fetches, and remove what it has fetched."""
        self._closed.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._scratch.cleanup()

    def _begin(self) -> subprocess.Popen[str]:
        asked = json.dumps({**self._asked, "known": self._known, "scratch": self._scratch.name})
        program = [sys.executable, "-P", "-m", "distune.tuning.tracking.following", asked]
        # -P: modules of the folder that it runs in are none of ours. A session of its own: Ctrl-C in the terminal is for the server.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        return subprocess.Popen(program, start_new_session=True, **pipes)  # noqa: S603

    def _listen(self, on_offer: Callable[[Offer], object], on_fault: Callable[[str], object]) -> None:
        while not self._closed.is_set():
            self._process = process = self._process or self._begin()
            with process:
                for line in process.stdout or ():
                    told = self._offer(json.loads(line))
                    if isinstance(told, str):
                        on_fault(told)
                    else:
                        on_offer(told)
            if self._closed.is_set():
                return
            on_fault(f"the process that looks for versions of {self.name} has ended; another one begins")
            self._process = None
            self._closed.wait(self._every_s)

    def _offer(self, told: dict[str, Any]) -> Offer | str:
        """The version of a line that the process has printed, or the fault."""
        if "fault" in told:
            return str(told["fault"])
        self._known = told["version"]
        return Offer(version=told["version"], folder=Path(told["folder"]))
