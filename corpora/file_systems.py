"""pyarrow's file systems, each opened once in a process, which say soon that a server does not answer; files on them are whole or missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache

from pyarrow import ArrowException
from pyarrow.fs import AwsStandardS3RetryStrategy, FileSystem, LocalFileSystem

from distune.corpora.disk import UNFINISHED

WHOLE_AT_ONCE = ("s3", "gcs", "abfs")
"""File systems on which an object appears when it is complete; elsewhere it is written next to its place and moved."""
S3_ATTEMPTS = 5
"""They take 8 s at an address at which nobody listens, and 20 to 40 s at a server that does not go on."""
GOOGLE_RETRIES = timedelta(seconds=20)


@lru_cache
def this_machine() -> LocalFileSystem:
    """The file system of this machine."""
    return LocalFileSystem()


@lru_cache
def opened(uri: str) -> tuple[FileSystem, str]:
    """The file system of a URI, and the path of its root (the bucket) on it."""
    system, root = FileSystem.from_uri(uri)
    return _soon_told(system), root


def _soon_told(system: FileSystem) -> FileSystem:
    """The file system, with fewer attempts of its own. By itself Arrow asks an S3 server that accepts connections and
    says nothing for 100 s, and Google's for 15 min. `away.waits` asks again if a place has the patience."""
    if system.type_name not in ("s3", "gcs"):
        return system
    _, (settings,) = system.__reduce__()  # A URI has no setting for the attempts at S3.
    if system.type_name == "s3":
        return type(system)(**settings, retry_strategy=AwsStandardS3RetryStrategy(max_attempts=S3_ATTEMPTS))
    return type(system)(**{**settings, "retry_time_limit": settings["retry_time_limit"] or GOOGLE_RETRIES})


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
