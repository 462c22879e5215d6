"""A command run on the head of a cluster that is reached through `ray://HOST:PORT`, its output followed from here.

Ray Tune's own way through the client pickles the searcher and runs it there. A search holds connections and files that
cannot be pickled. So the whole search runs there, as a job does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle

from distune.cluster.config import JOB, ClusterError
from distune.cluster.connection import disconnect, first_line
from distune.cluster.fitting import check_reachable

HEAD = "node:__internal_head__"
WAIT_S = 1.0
ATTEMPTS = 3
BETWEEN_S = 5.0
NOT_STARTED = ("Starting Ray client server failed", "ZombieProcess")
"""Ray's messages if the head could not start a client's process, and if that process ended during the check."""


class _Command:
    """An actor that runs a command in the folder that was sent, and hands on what it prints."""

    def __init__(self, command: str) -> None:
        # A driver that a worker starts is a new job, which does not inherit the folder by itself.
        context = ray.get_runtime_context()
        there = {"runtime_env": {"working_dir": context.runtime_env["working_dir"]}}
        environment = {
            **os.environ,
            JOB: json.dumps(there),
            # Else `auto` is the cluster that was started last on this machine, whichever that is.
            "RAY_ADDRESS": context.gcs_address,
            "PYTHONUNBUFFERED": "1",
        }
        # Bash, which gets the signal too, then waits for what it runs, and has its exit status.
        self._process = subprocess.Popen(  # noqa: S603
            ["/bin/bash", "-c", f"trap : TERM; {command}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._pieces: list[bytes] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while piece := os.read(self._process.stdout.fileno(), 65536):  # type: ignore[union-attr]
            with self._news:
                self._pieces.append(piece)
                self._news.notify()

    def news(self) -> tuple[bytes, int | None]:
        """The new output, after a second at most, and the exit status after the end."""
        with self._news:
            self._news.wait_for(lambda: self._pieces, WAIT_S)
            printed, self._pieces = b"".join(self._pieces), []
        ended = not printed and not self._reader.is_alive()
        return printed, self._process.wait() if ended else None

    def interrupt(self) -> None:
        with suppress(ProcessLookupError):  # It has ended meanwhile.
            os.killpg(self._process.pid, signal.SIGTERM)


def run_through_client(address: str, folder: Path, command: str) -> Iterator[str | int]:
    """Send a folder to the cluster at `ray://HOST:PORT` and run a command in it on the head; yields what it prints, and its
    exit status at last.

    Ctrl-C is passed on, and the command's end waited for. A caller that stops asking ends the command too. Raises
    ClusterError when the cluster is out of reach, or is lost.
    """
    check_reachable(address)
    _connect(address, folder)
    # By value: at its start the client's server on the head may look for our modules while the folder is still being unpacked.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        actor = ray.remote(num_cpus=0, resources={HEAD: 0.001})(_Command).remote(command)
        yield from _followed(actor)
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"the connection to Ray at {address} was lost ({first_line(error):.200}); the search may go on there: "
            "`distune status STUDY` shows it, and if nobody runs it, --resume goes on"
        ) from error
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
        disconnect()


def _connect(address: str, folder: Path) -> None:
    """The head starts a process for each client; a busy one does not always get it up the first time."""
    for left in reversed(range(ATTEMPTS)):
        try:
            ray.init(
                address, runtime_env={"working_dir": str(folder)}, logging_level=logging.ERROR, log_to_driver=False
            )
        except (ConnectionError, RuntimeError) as error:
            if left and any(words in str(error) for words in NOT_STARTED):
                time.sleep(BETWEEN_S)
                continue
            reason = " ".join(str(error).split())
            raise ClusterError(
                f"cannot connect to Ray at {address}: {reason or type(error).__name__} (the head's "
                "ray_client_server logs say more; a busy one may answer later)"
            ) from error
        return


def _followed(actor: Any) -> Iterator[str | int]:
    status = None
    try:
        while status is None:
            try:
                printed, status = ray.get(actor.news.remote())
            except KeyboardInterrupt:
                ray.get(actor.interrupt.remote())
                continue
            if printed:
                yield printed.decode(errors="replace")
    except (GeneratorExit, KeyboardInterrupt):  # Nobody would see what it does; without the actor nobody could end it.
        ray.get(actor.interrupt.remote())
        raise
    yield int(status)
