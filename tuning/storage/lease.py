"""One driver for each search: who runs it says so in `driver.json`, and goes on saying so."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distune.corpora.places import Place
from distune.tuning.study.errors import StudyError

RENEWED_EVERY_S = 10.0
GONE_AFTER_S = 45.0


@contextmanager
def only_driver(place: Place) -> Iterator[None]:
    """Be the one driver of a search for the length of a `with`.

    Waits up to 45 s for a driver elsewhere that may be gone; raises StudyError for one that still runs.
    """
    _wait_for_its_end(place)
    name, ended = uuid.uuid4().hex, threading.Event()
    _write(place, name)
    thread = threading.Thread(target=_renew, args=(place, name, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if _holder(place) == name:
            place.delete()


def _write(place: Place, name: str) -> None:
    there = {"name": name, "host": socket.gethostname(), "pid": os.getpid(), "renewed_s": time.time()}
    place.write_text(json.dumps(there))


def _renew(place: Place, name: str, ended: threading.Event) -> None:
    """Go on saying so; where another driver has taken over, as this one was asleep, interrupt the search here."""
    while not ended.wait(RENEWED_EVERY_S):
        try:
            if _holder(place) != name:
                os.kill(os.getpid(), signal.SIGINT)
                return
            _write(place, name)
        except OSError:  # The storage is away; what the search itself writes there will tell.
            continue


def _holder(place: Place) -> str | None:
    there = _read(place)
    return None if there is None else str(there["name"])


def _read(place: Place) -> dict[str, Any] | None:
    """What the driver says of itself; None where there is none, or it ends at this moment."""
    try:
        found: dict[str, Any] = json.loads(place.read_text())
    except FileNotFoundError:
        return None
    return found


def live_driver(place: Place) -> str | None:
    """Who runs a search now, `process 12 on HOST`; None where nobody does."""
    other = _read(place)
    return None if other is None or _is_gone(other) else _named(other)


def _named(other: dict[str, Any]) -> str:
    return f"process {other['pid']} on {other['host']}"


def _is_gone(other: dict[str, Any]) -> bool:
    is_dead = other["host"] == socket.gethostname() and not _is_alive(other["pid"])
    return is_dead or time.time() - other["renewed_s"] > GONE_AFTER_S


def _wait_for_its_end(place: Place) -> None:
    deadline = time.monotonic() + GONE_AFTER_S
    while (other := _read(place)) is not None:
        if _is_gone(other):
            return
        if other["host"] == socket.gethostname() or time.monotonic() > deadline:
            raise StudyError(
                f"another driver runs this search: {_named(other)}; stop it first, or wait until it has ended"
            )
        time.sleep(1)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
