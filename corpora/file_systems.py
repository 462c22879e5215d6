"""pyarrow's file systems, each opened once in a process, and files on them that are whole or missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from pyarrow import ArrowException
from pyarrow.fs import FileSystem, LocalFileSystem

from distune.corpora.disk import UNFINISHED

WHOLE_AT_ONCE = ("s3", "gcs", "abfs")
"""File systems on which an object appears when it is complete; elsewhere it is written next to its place and moved."""


@lru_cache
def this_machine() -> LocalFileSystem:
    """The file system of this machine."""
    return LocalFileSystem()


@lru_cache
def opened(uri: str) -> tuple[FileSystem, str]:
    """The file system of a URI, and the path of its root (the bucket) on it."""
    system, root = FileSystem.from_uri(uri)
    return system, root


@contextmanager
def written_whole(system: FileSystem, path: str) -> Iterator[tuple[FileSystem, str]]:
    """The file system and a path on it to write a file to, which takes the place of `path` when the `with` ends well, and
    is removed when it does not."""
    if system.type_name in WHOLE_AT_ONCE:
        yield system, path
        return
    unfinished = f"{path}.{uuid.uuid4().hex[:8]}{UNFINISHED}"
    system.create_dir(path.rpartition("/")[0], recursive=True)
    try:
        yield system, unfinished
        system.move(unfinished, path)
    except BaseException:
        with suppress(OSError, ArrowException):
            system.delete_file(unfinished)
        raise
