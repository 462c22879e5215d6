"""One attempt at a trial in a process of its own: its log, and its deadline."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from distune.corpora.scratch import scratch_folder
from distune.tuning.storage.paths import TrialPlace

GRACE_S = 30.0


class _Log(io.TextIOWrapper):
    """A log whose disk may be full: what it cannot take is lost, and costs no trial."""

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


@contextlib.contextmanager
def logged(place: TrialPlace) -> Iterator[TextIO]:
    """Prints, warnings, logs and the stack of a crash go into the trial's log for the length of a `with`.

    If the storage is on another machine, the log is copied there at the end of the attempt.
    """
    local = place.log.path
    with contextlib.ExitStack() as stack:
        if local is None:
            local = stack.enter_context(scratch_folder()) / "log.txt"
            with contextlib.suppress(FileNotFoundError):
                local.write_bytes(place.log.read_bytes())
            stack.callback(lambda: place.log.write_bytes(local.read_bytes()))
        local.parent.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context(_Log(local.open("ab", buffering=0), encoding="utf-8", write_through=True))
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        print(f"{started}: attempt in process {os.getpid()} on {socket.gethostname()}", file=log)
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(contextlib.redirect_stderr(log))
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)
        faulthandler.enable(log)
        stack.callback(faulthandler.disable)
        try:
            yield log
        except Exception:
            traceback.print_exc(file=log)
            raise


@contextlib.contextmanager
def deadline(timeout_s: float | None, place: TrialPlace, log: TextIO) -> Iterator[None]:
    """End this process when the `with` takes longer: a trial that hangs cannot be ended otherwise.

    A marker says why, so that the trial does not start again. Code that holds Python's lock is ended 30 s later,
    without one.
    """
    if timeout_s is None:
        yield
        return

    def end() -> None:
        faulthandler.dump_traceback(log)
        log.flush()
        if place.log.path is None:
            place.log.write_bytes(Path(log.name).read_bytes())
        place.timed_out.write_text(f"it was ended after trial_timeout_s={timeout_s:g}; where it was is in {place.log}")
        os._exit(1)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(timeout_s + GRACE_S, exit=True, file=log)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()
