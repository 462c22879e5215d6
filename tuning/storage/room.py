"""The message about a full disk, and the way to continue after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distune.cluster.config import ClusterError
from distune.corpora.disk import DiskError, disk_error, refuse_full_disks
from distune.corpora.places import Place
from distune.tuning.study.config import StudyConfig

AGAIN = "make room, and the same command goes on"
RESUMED = "what the search has found is kept: make room, and the same command with --resume goes on"


@contextmanager
def full_disks_named(config: StudyConfig, then: str = AGAIN) -> Iterator[None]:
    """If a disk is full, raise DiskError, which says what failed, where, how much is free, and what to do `then`,
    unless an inner one has said it."""
    try:
        yield
    except Exception as error:
        full = _full_disk(error, config)
        if full is None or AGAIN in str(full) or RESUMED in str(full):
            raise
        raise DiskError(full.errno, f"{full}; {then}") from error


def _full_disk(error: Exception, config: StudyConfig) -> DiskError | None:
    storage, temporary = Place(config.storage).path, Path(tempfile.gettempdir())
    file = config.tracking.store.removeprefix("sqlite:///")
    database = Path(file) if file != config.tracking.store else None
    if (full := disk_error(error, storage or temporary, database)) is not None:
        return full
    if hasattr(error, "exit_code") and not isinstance(error, ClusterError):
        return None
    try:  # Ray says nothing of it but that it did not start, or that a process died.
        refuse_full_disks([storage, temporary])
    except DiskError as found:
        return found
    return None
