"""One driver for each search: who runs it says so in `driver.json`, and goes on saying so."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distune.corpora.away import AwayError
from distune.corpora.disk import UNFINISHED
from distune.corpora.kept import DamagedError, UnreadableError, read_object, reading
from distune.corpora.places import Place
from distune.tuning.study.errors import StudyError

RENEWED_EVERY_S = 10.0
SETTLED_AFTER_S = 1.0
GONE_AFTER_S = 45.0
LOOKED_FOR_S = 25.0
"""How long a lease that looks old is looked at: two renewals and more, as it may only be its clock that is behind."""
LOOKED_EVERY_S = 1.0
FURTHEST_CLOCK_S = 86_400.0
"""No clock of another machine is further ahead."""
_log = logging.getLogger(__name__)
ADVICE = "see that no driver runs this search, and remove the file"


@contextmanager
def only_driver(place: Place, other: str = "another driver runs this search") -> Iterator[None]:
    """Be the one driver of a search for the length of a `with`; `other` describes a driver that runs.

    Looks for up to 45 s whether a driver elsewhere renews its lease; raises StudyError for one that still runs. If several
    drivers begin at once, one gets it on a file system that can make a file only if it does not exist. This machine's
    file systems can. An object store, as pyarrow opens it, cannot: there a driver looks a second after its writing
    whether it is still the last writer. Two can overlap if one of them took longer than that second between looking and
    writing, until the first renews (10 s).
    """
    place = replace(place, patience_s=0.0)  # Who renews tries again soon, and must not speak for those who wait.
    name, ended = uuid.uuid4().hex, threading.Event()
    _take(place, name, other)
    thread = threading.Thread(target=_renew, args=(place, name, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(RENEWED_EVERY_S)  # A storage that hangs must not keep a driver that has ended.
        with contextlib.suppress(AwayError):  # It is taken for gone in 45 s.
            if _is_held(place, name):
                place.delete()


def _take(place: Place, name: str, other: str) -> None:
    """Write the lease if there is none, or only that of a driver that is gone. Raises StudyError for one that still
    runs."""
    while True:
        gone = _wait_for_its_end(place, other)
        path = place.path
        if path is None:
            _write(place, name)
            time.sleep(SETTLED_AFTER_S)
            if _holder(place) == name:
                return
        else:
            if gone is not None:
                _remove(path, gone)
            if _write_first(path, _content(name)):
                return


def _write_first(path: Path, content: str) -> bool:
    """Write a file whole if there is none of its name, and return whether there was none."""
    mine = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    Place(str(mine)).write_text(content)
    try:
        os.link(mine, path)
    except FileExistsError:
        return False
    except OSError:  # A file system without hard links.
        mine.replace(path)
        return True
    finally:
        mine.unlink(missing_ok=True)
    return True


def _remove(path: Path, gone: str) -> None:
    """Remove the lease of a driver that is gone, and of no other: the process that removes it first may have written
    its own by now."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    try:
        if _holder(Place(str(aside))) != gone:
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _write(place: Place, name: str) -> None:
    place.write_text(_content(name))


def _content(name: str) -> str:
    return json.dumps({"name": name, "host": socket.gethostname(), "pid": os.getpid(), "renewed_s": time.time()})


def _renew(place: Place, name: str, ended: threading.Event) -> None:
    """Renew the lease. If another driver has taken over, because this one was asleep, interrupt the search here."""
    while not ended.wait(RENEWED_EVERY_S):
        try:
            if not _is_held(place, name):
                os.kill(os.getpid(), signal.SIGINT)
                return
            _write(place, name)
        except (OSError, UnreadableError):  # The storage is away; what the search itself writes there will tell.
            continue


def _is_held(place: Place, name: str) -> bool:
    """Whether a lease that was taken is held still. Others are refused by a damaged lease: it is held, and its renewal mends it."""
    try:
        return _holder(place) == name
    except UnreadableError:
        raise
    except DamagedError:
        return True


def _holder(place: Place) -> str | None:
    there = _read(place)
    return None if there is None else str(there["name"])


def _read(place: Place) -> dict[str, Any] | None:
    """The driver's own record; None without a driver, or if it ends at this moment."""
    try:
        found = read_object(place, ADVICE)
    except FileNotFoundError:
        return None
    with reading(place, ADVICE):
        kinds = {"name": str, "host": str, "pid": int, "renewed_s": float}
        wrong = [key for key, kind in kinds.items() if type(found[key]) not in (kind, int if kind is float else kind)]
        if wrong or not 0 < found["pid"] < 1 << 31:
            raise ValueError(f"{', '.join(wrong) or 'pid'} is no such value")
        if not found["renewed_s"] < time.time() + FURTHEST_CLOCK_S:
            raise ValueError("it was renewed on a day to come")
    return found


def live_driver(place: Place) -> str | None:
    """The driver that runs a search now, as `process 12 on HOST`; None without one."""
    other = _read(place)
    return None if other is None or _is_gone(other) else _named(other)


def _named(other: dict[str, Any]) -> str:
    return f"process {other['pid']} on {other['host']}"


def _is_gone(other: dict[str, Any]) -> bool:
    is_dead = other["host"] == socket.gethostname() and not _is_alive(other["pid"])
    return is_dead or time.time() - other["renewed_s"] > GONE_AFTER_S


def _wait_for_its_end(place: Place, what: str) -> str | None:
    """Returns the name of the lease of a driver that is gone, None without a lease. Raises StudyError for a driver
    that still runs.

    A driver elsewhere runs if it renews its lease while this looks: the clocks of two machines may differ. So does one
    here whose lease is old, if a process has its number.
    """
    first, began_s = None, time.monotonic()
    while (other := _read(place)) is not None:
        runs = StudyError(f"{what}: {_named(other)}; stop it first, or wait until it has ended")
        if other["host"] == socket.gethostname():
            if not _is_alive(other["pid"]):
                return str(other["name"])
            if not _is_gone(other):  # Else another process may have its number, as in a container that began again.
                raise runs
        if time.time() - other["renewed_s"] > FURTHEST_CLOCK_S:
            return str(other["name"])
        if first is None:
            first = other
            _log.info(
                f"{place} is that of {_named(other)}; this looks for {GONE_AFTER_S:.0f} s at most whether it runs"
            )
        if other != first:
            raise runs
        if time.monotonic() - began_s > (LOOKED_FOR_S if _is_gone(other) else GONE_AFTER_S):
            return str(other["name"])
        time.sleep(LOOKED_EVERY_S)
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
