"""The output of tables: one file that is whole or not there, or a folder of such parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from distune.corpora.places import UNREADABLE, Place
from distune.corpora.texts import CorpusError
from distune.models.checkpoint_folder import FILES, SUMS, CheckpointError, checksum
from distune.tuning.serve.answer_blocks import Plan
from distune.tuning.serve.rendering import FORMATS, header

MANIFEST = "_distune.json"
"""The file that says what a folder of parts was made of; readers of data leave out what begins with an underscore."""
PART_BLOCKS = 16


class Sink(Protocol):
    """A file that gets the answers to block after block."""

    def write(self, rendered: Any, /) -> object: ...


def ending_of(out: str) -> str:
    """The ending of an output that is a file, "" of a folder. Raises CheckpointError for an ending that is no format."""
    place = Place(out)
    path = out.partition("?")[0] if "://" in out else out  # Behind it are the options of the file system.
    if path.endswith("/") or place.is_folder():
        return ""
    ending = Path(place.name.lower()).suffix
    if ending not in FORMATS:
        raise CheckpointError(
            f"--out {out}: the ending of its name must give the format, one of {', '.join(FORMATS)}; end it with / for a folder of parts"
        )
    return ending


@contextmanager
def file_sink(path: Path, plan: Plan) -> Iterator[Sink]:
    """A new file on this machine."""
    if plan.ending == ".parquet":
        from distune.tuning.serve.arrow_answers import ParquetSink

        sink = ParquetSink(str(path), plan.schema)
        yield sink
        sink.close()
        return
    with path.open("xb") as file:
        file.write(header(plan.names or (), plan.kinds, plan.ending))
        yield file


def part_content(rendered: Sequence[Any], plan: Plan) -> bytes:
    """The whole content of a part."""
    if plan.ending == ".parquet":
        from distune.tuning.serve.arrow_answers import parquet_bytes

        return parquet_bytes(rendered, plan.schema)
    return b"".join([header(plan.names or (), plan.kinds, plan.ending), *rendered])


class PartsFolder:
    """A folder of parts that a killed run leaves behind, and the next one completes."""

    def __init__(self, place: Place, student: Path, inputs: Sequence[str], reading: str, plan: Plan) -> None:
        """`reading` says how the inputs are read. Raises CorpusError for a folder that was made of anything else."""
        self.place, self._ending = place, plan.ending
        identity = _identity(student, inputs, reading, plan)
        self._there = set(place.names())
        manifest = place / MANIFEST
        if MANIFEST in self._there:
            known = _known(manifest)
            if known != identity:
                differs = next(name for name in identity if known.get(name) != identity[name])
                raise CorpusError(
                    f"{place}: has answers that were made with {WORDS[differs]}; name another folder as --out, or remove this one"
                )
        elif others := sorted(name for name in self._there if not name.startswith(".")):
            raise CorpusError(
                f"{place}: holds {others[0]}, and no answers of this command; name an empty folder as --out"
            )
        else:
            manifest.write_text(json.dumps(identity, indent=1, ensure_ascii=False) + "\n")

    def name(self, number: int) -> str:
        return f"part-{number:05}{self._ending}"

    def has(self, number: int) -> bool:
        """Whether a part is whole already."""
        return self.name(number) in self._there

    def write(self, number: int, content: bytes) -> None:
        """Write a part, which is then whole."""
        (self.place / self.name(number)).write_bytes(content)


WORDS = {
    "student": "another student",
    "inputs": "other input",
    "settings": "other settings",
    "reading": "other settings of reading",
    "version": "another version of Distune",
}
"""The things that a folder may have been made with, in words."""


def _known(manifest: Place) -> dict[str, Any]:
    try:
        known = json.loads(manifest.read_text())
    except ValueError as error:
        known = error
    if not isinstance(known, dict) or not {*WORDS} <= {*known}:
        raise CorpusError(f"{manifest}: is damaged, so that nobody knows what the answers are of; remove the folder")
    return known


def _identity(student: Path, inputs: Sequence[str], reading: str, plan: Plan) -> dict[str, Any]:
    """The content of everything that the answers depend on."""
    sums = student / SUMS
    files = [sums] if sums.exists() else [student / name for name in FILES if name != "README.md"]
    settings = repr((plan.settings, dict(plan.kinds), plan.ending, plan.names, str(plan.schema), PART_BLOCKS))
    return {
        "version": _version(),
        "student": [checksum(file) for file in files],
        "inputs": [_digest(name) for name in inputs],
        "settings": settings,
        "reading": reading,
    }


def _version() -> str:
    try:
        return version("distune")
    except PackageNotFoundError:
        return ""


def _digest(name: str) -> str:
    try:
        with Place(name).open() as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except UNREADABLE as error:
        raise CorpusError(f"{name}: cannot be read: {str(error).strip()}") from error
