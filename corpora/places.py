"""Places: a file or a folder on any of pyarrow's file systems, by path or URI.

A mounted folder is a path; `s3://`, `gs://` and `hdfs://` take their credentials from the environment.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pyarrow import ArrowException
from pyarrow.fs import FileSelector, FileSystem, FileType, copy_files

from distune.corpora.away import waits
from distune.corpora.disk import UNFINISHED, make_folder, sync_file, sync_folder, write_whole
from distune.corpora.file_systems import local_system, system_at
from distune.corpora.scratch import scratch_folder

WHOLE_AT_ONCE = ("s3", "gcs", "abfs")
"""File systems on which an object appears when it is complete; elsewhere it is written next to its place and moved."""
BUFFER_BYTES = 1 << 20
"""The size of one request for a part of a file that lies elsewhere."""
UNREADABLE = (OSError, ArrowException)
"""The errors of a place that cannot be read."""


@dataclass(frozen=True)
class Place:
    """A file or folder; only its URI travels, so that every process opens the file system for itself.

    A relative path stays one in this process, and travels as an absolute one: other processes run in other folders, and Ray
    Tune's workers each in one of its own, which is removed.
    """

    uri: str
    patience_s: float = field(default=0.0, compare=False)
    """How long a call waits for a storage elsewhere that does not answer; it is that of all places beneath it too."""

    def __reduce__(self) -> tuple[type[Place], tuple[str, float]]:
        uri = self.uri if "://" in self.uri else str(Path(self.uri).absolute())
        return Place, (uri, self.patience_s)

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> Place:
        path, options = self.parts
        return replace(self, uri=f"{path.rstrip('/')}/{name}{options}")

    @property
    def name(self) -> str:
        return self.parts[0].rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Place:
        """The folder that a file or folder lies in."""
        path, options = self.parts
        above, slash, _ = path.rstrip("/").rpartition("/")
        return replace(self, uri=f"{above or slash or '.'}{options}")

    @property
    def parts(self) -> tuple[str, str]:
        """The path, and what follows the `?` of a URI: the options of the file system. In a path of this machine it is a letter."""
        path, mark, options = self.uri.partition("?") if "://" in self.uri else (self.uri, "", "")
        return path, mark + options

    @property
    def path(self) -> Path | None:
        """The path on this machine, None for what lies elsewhere."""
        if "://" not in self.uri:
            return Path(self.uri)
        parts = urlsplit(self.uri)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @property
    def root(self) -> str:
        """The scheme and the host or bucket of a URI."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _resolved(self) -> tuple[FileSystem, str]:
        if self.path is not None:
            return local_system(), str(self.path.absolute())
        path, mark, options = self.uri.partition("?")
        parts = urlsplit(path)
        system, root = system_at(f"{parts.scheme}://{parts.netloc}/{mark}{options}")
        return system, f"{root.rstrip('/')}/{parts.path.strip('/')}".rstrip("/")

    def exists(self) -> bool:
        return bool(self._type() != FileType.NotFound)

    def is_file(self) -> bool:
        return bool(self._type() == FileType.File)

    def is_folder(self) -> bool:
        return bool(self._type() == FileType.Directory)

    @waits
    def _type(self) -> FileType:
        system, path = self._resolved
        return system.get_file_info(path).type

    @waits
    def names(self) -> list[str]:
        """The names in a folder, sorted; none without a folder."""
        system, path = self._resolved
        return sorted(info.base_name for info in system.get_file_info(FileSelector(path, allow_not_found=True)))

    @waits
    def entries(self) -> list[tuple[str, bool]]:
        """The names in a folder, and whether each is a folder."""
        system, path = self._resolved
        infos = system.get_file_info(FileSelector(path, allow_not_found=True))
        return sorted((info.base_name, info.type == FileType.Directory) for info in infos)

    @waits
    def read_bytes(self, n_bytes: int | None = None) -> bytes:
        """The content of a file, or its first bytes; raises FileNotFoundError."""
        system, path = self._resolved
        # Without `compression` pyarrow decompresses what ends in .gz, and compresses it when it is written.
        with system.open_input_stream(path, compression=None) as stream:
            return bytes(stream.read(n_bytes))

    @waits
    def open(self) -> BufferedReader[Any]:
        """The file, open for reading its bytes one after the other; raises FileNotFoundError."""
        if self.path is not None:
            return self.path.open("rb")
        system, path = self._resolved
        # Not `open_input_stream`, whose streams do not say how far they are.
        return BufferedReader(system.open_input_file(path), BUFFER_BYTES)

    @waits
    def open_at_random(self) -> Any:
        """The file of Arrow, open for reading at any place in it; raises FileNotFoundError."""
        system, path = self._resolved
        return system.open_input_file(path)

    @waits
    def n_bytes(self) -> int:
        """The size of a file; 0 if it is missing."""
        system, path = self._resolved
        return system.get_file_info(path).size or 0

    def read_text(self) -> str:
        return self.read_bytes().decode()

    @waits
    def write_bytes(self, content: bytes, durable: bool = True) -> None:
        """Write a file, which is either whole or missing; its folders are made. A `durable` file is on the disk
        then, and survives a loss of power. Raises DiskError if a disk of this machine is full."""
        if self.path is not None:
            write_whole(self.path, content, durable)
            return
        with self._unfinished() as (system, path), system.open_output_stream(path, compression=None) as stream:
            stream.write(content)

    @contextmanager
    def _unfinished(self) -> Iterator[tuple[FileSystem, str]]:
        """Another file system and a path on it to write a file to, which takes this place when the `with` ends well, and is
        removed when it does not."""
        system, path = self._resolved
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

    @contextmanager
    def to_write_file(self) -> Iterator[Path]:
        """A path on this machine to write a file of any size to, which takes this place when the `with` ends well; what
        was here is untouched before."""
        if self.path is not None:
            make_folder(self.path.absolute().parent)
            unfinished = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
            try:
                yield unfinished
                sync_file(unfinished)
                unfinished.replace(self.path)
                sync_folder(self.path.absolute().parent)
            finally:
                unfinished.unlink(missing_ok=True)
            return
        with scratch_folder() as scratch:
            yield scratch / self.name
            self._copy_file_from(scratch / self.name)

    def write_text(self, content: str) -> None:
        self.write_bytes(content.encode())

    @waits
    def delete(self) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        system, path = self._resolved
        kind = self._type()
        if kind == FileType.Directory:
            system.delete_dir(path)
        elif kind == FileType.File:
            system.delete_file(path)

    @contextmanager
    def to_read(self) -> Iterator[Path]:
        """The folder on this machine: itself, or a copy for the length of a `with`."""
        if self.path is not None:
            yield self.path
            return
        with scratch_folder() as scratch:
            self._copy_to(scratch)
            yield scratch

    @contextmanager
    def to_write(self) -> Iterator[Path]:
        """A folder on this machine to write into: itself, or another one: its files are put there when the `with`
        ends well."""
        if self.path is not None:
            self.path.mkdir(parents=True, exist_ok=True)
            yield self.path
            return
        with scratch_folder() as scratch:
            yield scratch
            self._copy_from(scratch)

    @waits
    def _copy_to(self, folder: Path) -> None:
        system, path = self._resolved
        copy_files(path, str(folder), source_filesystem=system, destination_filesystem=local_system())

    @waits
    def _copy_from(self, folder: Path) -> None:
        system, path = self._resolved
        copy_files(str(folder), path, source_filesystem=local_system(), destination_filesystem=system)

    @waits
    def _copy_file_from(self, file: Path) -> None:
        with self._unfinished() as (system, path):
            copy_files(str(file), path, source_filesystem=local_system(), destination_filesystem=system)
