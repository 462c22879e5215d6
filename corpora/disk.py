"""Files of this machine: written whole and durable, or not at all; and what a disk says that takes no more."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

NO_ROOM = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the device fails",
}
IN_WORDS = {
    "no space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "out of disk": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "read-only file system": errno.EROFS,
    "attempt to write a readonly database": errno.EROFS,
    "input/output error": errno.EIO,
    "disk i/o error": errno.EIO,
}
"""How libraries say it that keep no number of the error: SQLite, safetensors, Ray."""
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
UNFINISHED = ".unfinished"
FULL_BYTES = 65_536
"""With so little free, whatever ended a process was the disk."""


class DiskError(OSError):
    """A disk that takes no more; the message says what, where, and how much is free."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return str(self.strerror)


def write_whole(path: Path, content: bytes, durable: bool = True) -> None:
    """Write a file, which is whole when this returns, and as it was before when it raises; its folders are made.

    A `durable` file is then on the disk, which costs ten milliseconds. Raises DiskError for a full disk, and OSError
    for other faults.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        make_folder(path.parent)
        with unfinished.open("xb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        unfinished.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if (number := number_of(error)) is not None:
            raise DiskError(number, _sentence(number, path)) from error
        raise


@contextlib.contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """A path to write a file of any size to, which takes the place of `path` when the `with` ends well, and is removed
    when it does not; its folders are made."""
    make_folder(path.absolute().parent)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        yield unfinished
        sync_file(unfinished)
        unfinished.replace(path)
        sync_folder(path.absolute().parent)
    finally:
        unfinished.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are there after a loss of power too."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Put the content of a file on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_folder(folder: Path) -> None:
    """Without it a new name may be gone after a loss of power, although the file's content is on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:  # Some network file systems know no such thing.
            raise
    finally:
        os.close(opened)


def disk_error(error: BaseException, place: Path, database: Path | None = None) -> DiskError | None:
    """The error of a full disk, as a DiskError; None for an error with another cause.

    The message names `place` if the error itself names no file, and `database` if it is SQLite's.
    """
    chain = _chain(error)
    for one in chain:
        if isinstance(one, DiskError):
            return one
    # The first cause has the number and the name of the file; what was raised of it has words at most.
    for one in reversed(chain):
        if (number := number_of(one)) is not None:
            named = getattr(one, "filename", None)
            unnamed = database if database is not None and "sqlite" in f"{type(one)} {one}".lower() else place
            return DiskError(number, _sentence(number, Path(os.fsdecode(named)) if named else unnamed))
    return None


def number_of(error: BaseException) -> int | None:
    """The `errno` of an error that says that a disk takes no more, None of all others."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in NO_ROOM else None
    if not isinstance(error, Exception):
        return None
    said = str(error).lower()
    return next((number for words, number in IN_WORDS.items() if words in said), None)


def refuse_full_disks(places: Iterable[Path | None]) -> None:
    """Raise DiskError if one of the places on this machine has no room."""
    for place in places:
        if place is not None and _usage(place).free < FULL_BYTES:
            raise DiskError(errno.ENOSPC, _sentence(errno.ENOSPC, place))


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it comes of, the error first; Ray keeps in `cause` what was raised in a worker."""
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            left += [getattr(one, "cause", None), one.__cause__, one.__context__]
    return found


def _sentence(number: int, path: Path) -> str:
    usage = _usage(path)
    free = f"{usage.free / 1e6:,.1f} MB of {usage.total / 1e6:,.1f} MB are free there"
    return f"cannot write {path}: {NO_ROOM[number]}; {free}"


def _usage(path: Path) -> shutil._ntuple_diskusage:
    """How full the file system of a path is, or that of the folder that it would be made in."""
    path = path.absolute()
    return shutil.disk_usage(next(one for one in (path, *path.parents) if one.exists()))
