"""How a command ends: what users can cause is a line and an exit code, and nothing keeps a process that has done its work."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage

from distune.corpora.disk import FULL_BYTES, disk_error

ENDS_WITHIN_S = 20.0
LONGEST_LINE = 4000
"""Characters of a line on stderr: a damaged file may have a name of a column that is as long as the file."""


def end_within(seconds: float, code: int) -> None:
    """End this process although a library still waits, as it ends, for processes or servers that were killed: a command that has
    come here has written all that it has to write."""

    def end() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def guarded(run: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a command and turn what users can cause into lines on stderr and an exit code."""
    try:
        run(options)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:  # One of a search says how to go on.
        print(f"distune: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        said, code = str(error), getattr(error, "exit_code", None)  # Errors of ours that users can cause have one.
        if code is None:
            found, code = _said_by_the_system(error), 1
            if found is None:
                raise
            said = found
        for line in said.splitlines():
            print(f"distune: {line if len(line) <= LONGEST_LINE else f'{line[:LONGEST_LINE]} ...'}", file=sys.stderr)
        return int(code)
    return 0


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
