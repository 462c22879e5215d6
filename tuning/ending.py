"""How a command ends: what users can cause is a line and an exit code, and nothing keeps a process that has done its work."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from distune.corpora.disk import disk_error

ENDS_WITHIN_S = 20.0


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
    """Run a command and turn what users can cause into one line on stderr and an exit code."""
    try:
        run(options)
    except KeyboardInterrupt as interrupt:  # One of a search says how to go on.
        print(f"distune: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130
    except Exception as error:
        code: int | None = getattr(error, "exit_code", None)  # Errors of ours that users can cause have one.
        if code is None or isinstance(error, OSError):
            full = disk_error(error, Path.cwd())
            if full is None:
                raise
            error, code = full, full.exit_code
        for line in str(error).splitlines():
            print(f"distune: {line}", file=sys.stderr)
        return code
    return 0
