"""Temporary folders that are gone with the process that made them, however it ended.

A process holds a lock on each of its folders for as long as it lives. The next process that makes one removes the
folders without a lock, which a kill has left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "distune-scratch-"
NEW_FOR_S = 60.0
"""A new folder may have no lock yet."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for the length of a `with`."""
    folder, lock = make_scratch()
    try:
        yield folder
    finally:
        remove_scratch(folder, lock)


def make_scratch() -> tuple[Path, int]:
    """A temporary folder and what holds it, both for `remove_scratch`."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):  # A file system without locks; what is left there is never removed by `sweep`.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def remove_scratch(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def sweep() -> None:
    """Remove the folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Of somebody else, or removed by another process meanwhile.
        with contextlib.suppress(OSError):
            there = folder.lstat()
            if there.st_uid == os.getuid() and time.time() - there.st_mtime > NEW_FOR_S:
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
