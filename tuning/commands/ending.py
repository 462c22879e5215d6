"""How a command ends: what users can cause is a line and an exit code, and nothing keeps a process that has done its work."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage
from typing import NoReturn

from distune.corpora.disk import FULL_BYTES, disk_error

ENDS_WITHIN_S = 20.0
LONGEST_LINE = 4000
"""Characters of a line on stderr: a damaged file may have a name of a column that is as long as the file."""


def leave(code: int) -> NoReturn:
    """End this process with a code, after all that Python does at its end; what still waits is left behind after 20 s,
    or at a signal.

    Threads of Ray and gRPC outlive `ray.shutdown`. A usual exit destroys C++ objects that they use: on a busy machine a
    search that had done its work ended with a segmentation fault. Ray ends its own workers in this way. A command
    without Ray ends as usual.
    """

    def at_once(*_: object) -> NoReturn:
        _flush()
        os._exit(code)

    timer = threading.Timer(ENDS_WITHIN_S, at_once)
    timer.daemon = True
    timer.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, at_once)
    if "ray" not in sys.modules:
        sys.exit(code)
    # The steps of Py_FinalizeEx before it takes modules apart: other threads, then what was registered, such as
    # logging's handlers, temporary folders, and MLflow's and Ray's own ends.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    at_once()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # A signal may come in the middle of a flush.
            stream.flush()


def guarded(run: Callable[[argparse.Namespace], int | None], options: argparse.Namespace) -> int:
    """Run a command and turn what users can cause into lines on stderr and an exit code; a command may return its own."""
    try:
        code = run(options) or 0
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:  # One of a search says how to go on.
        print(f"distune: {_how_to_go_on(interrupt)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        said, fault = str(error), getattr(error, "exit_code", None)  # Errors of ours that users can cause have one.
        if fault is None:
            found, fault = _said_by_the_system(error), 1
            if found is None:
                raise
            said = found
        for line in said.splitlines():
            print(f"distune: {line if len(line) <= LONGEST_LINE else f'{line[:LONGEST_LINE]} ...'}", file=sys.stderr)
        return int(fault)
    return code


def _how_to_go_on(interrupt: BaseException) -> str:
    """The message of an interruption, or, of a second one that came while the first was closing things, that of the
    first."""
    one: BaseException | None = interrupt
    while one is not None:
        if isinstance(one, KeyboardInterrupt) and str(one):
            return str(one)
        one = one.__context__
    return "interrupted"


def _said_by_the_system(error: Exception) -> str | None:
    """The reason that the operating system gives, in a line; None for an error that is not the system's."""
    if isinstance(error, OSError) and error.filename is None and disk_usage(Path.cwd()).free > FULL_BYTES:
        # It is the output that takes no more; what is still to be printed would say so again.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError):  # A program's own stdout may be no file.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return str(error.strerror or error)
    if (full := disk_error(error, Path.cwd())) is not None:
        return str(full)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename is not None else str(error.strerror or error)
    return None
