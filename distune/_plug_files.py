"""Files of plugs next to a study: read once, run by their content, and sent with a pickle to the process that
unpickles it."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import ClassVar


class PlugError(ValueError):
    """A plug that cannot be used; the message names it and says why."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True)
class PlugFile:
    """A file of plugs with its content; `path` is its path in the study."""

    path: str
    source: str

    @property
    def digest(self) -> str:
        """16 hex digits over the content."""
        return hashlib.blake2b(self.source.encode(), digest_size=8).hexdigest()

    @property
    def module(self) -> str:
        """The name of its module: one content has one module, wherever the file is."""
        return f"_distune_plug_{self.digest}"


_RUN: dict[str, PlugFile] = {}


def files_run() -> Mapping[str, PlugFile]:
    """The files that this process has run, by their module."""
    return _RUN


def read_plug_file(path: Path) -> PlugFile:
    """Raises PlugError for a file that cannot be read."""
    try:
        return PlugFile(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlugError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlugError(f"{path} is no Python in UTF-8: {error.reason}") from error


def imported(file: PlugFile) -> ModuleType:
    """The module of a file, run once in a process. Raises PlugError, in one line, if it fails."""
    if file.module in sys.modules:
        return sys.modules[file.module]
    module = ModuleType(file.module)
    module.__file__ = file.path
    sys.modules[file.module] = module  # Where pickle and pydantic look for what it defines.
    # A worker elsewhere has the text and not the file; its tracebacks show the lines all the same.
    linecache.cache[file.path] = (len(file.source), None, file.source.splitlines(keepends=True), file.path)
    try:
        exec(compile(file.source, file.path, "exec"), module.__dict__)  # noqa: S102  (it is what `plugins` asks for)
    except (Exception, SystemExit) as error:
        del sys.modules[file.module]
        said = " ".join(str(error).split())
        raise PlugError(
            f"{file.path} cannot be imported: {type(error).__name__}: {said}{_line_in(file, error)}"
        ) from error
    _RUN[file.module] = file
    return module


def _line_in(file: PlugFile, error: BaseException) -> str:
    """The place of the fault in the file, unless the error names it."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file.path:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {lines[-1]})" if lines else ""
