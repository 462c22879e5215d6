"""pyarrow's file systems, each opened once in a process, which say soon that a server does not answer."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from pyarrow.fs import AwsStandardS3RetryStrategy, FileSystem, LocalFileSystem

S3_ATTEMPTS = 5
"""They take 8 s at an address at which nobody listens, and 20 to 40 s at a server that does not go on."""
GOOGLE_RETRIES = timedelta(seconds=20)


@lru_cache
def local_system() -> LocalFileSystem:
    return LocalFileSystem()


@lru_cache
def system_at(uri: str) -> tuple[FileSystem, str]:
    """A file system and the path of its root (the bucket)."""
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
