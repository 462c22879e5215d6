"""A search whose disk is full: what is said of it, and how it goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distune.corpora.disk import DiskError, disk_error
from distune.tuning.storage.paths import Folder


@contextmanager
def resumed_when_there_is_room(folder: Folder, tracking_uri: str) -> Iterator[None]:
    """Where a disk takes no more, raise DiskError, which says what, where, how much is free, and how the search goes on."""
    place, database = folder.place.path, tracking_uri.removeprefix("sqlite:///")
    try:
        yield
    except Exception as error:
        full = disk_error(
            error,
            place if place is not None else Path(tempfile.gettempdir()),
            Path(database) if database != tracking_uri else None,
        )
        if full is None:
            raise
        ways = "what the search has found is kept: make room, and the same command with --resume goes on"
        raise DiskError(full.errno, f"{full}; {ways}") from error
