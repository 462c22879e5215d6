"""Reading back from a storage: whatever a damaged file causes, one error names the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from pyarrow import ArrowException

from distune.corpora.away import OF_A_SERVER
from distune.corpora.places import Place

FAULTS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    OSError,
    ArrowException,
)
"""The errors of JSON, Parquet, arrays and their users for damaged content."""


class DamagedError(ValueError):
    """A file of a storage that cannot be read as what it was written as; the message says which, and what to do."""

    exit_code: ClassVar[int] = 2


class UnreadableError(DamagedError):
    """A file of a storage that this process cannot read, although it may be whole."""


@contextmanager
def reading(place: Place | str, advice: str) -> Iterator[None]:
    """Raise DamagedError, naming what is read and what to do, for any fault inside. Errors that name it already pass,
    and so do missing files and a storage that is away. A file that the system or a server keeps from this process is
    not called damaged."""
    try:
        yield
    except FileNotFoundError:
        raise
    except FAULTS as error:
        if hasattr(error, "exit_code"):
            raise
        said = " ".join(str(error).split())
        if isinstance(error, OSError) and (error.errno is not None or OF_A_SERVER.search(said)):
            is_refused = isinstance(error, PermissionError) or "ACCESS_DENIED" in said
            then = (
                "this process needs the right to read it" if is_refused else "see to its disk or server, and try again"
            )
            raise UnreadableError(f"cannot read {place}: {(error.strerror or said):.200}; {then}") from error
        bare = isinstance(error, LookupError | TypeError | AttributeError) or not said
        raise DamagedError(
            f"{place} is damaged ({f'{type(error).__name__}: ' if bare else ''}{said:.200}); {advice}"
        ) from error


def read_text(place: Place, advice: str) -> str:
    """The text of a file; raises DamagedError for bytes that are none."""
    with reading(place, advice):
        return place.read_text()


def read_object(place: Place, advice: str) -> dict[str, Any]:
    """The object in a file of JSON; raises DamagedError for anything else."""
    with reading(place, advice):
        found = json.loads(place.read_text())
        if not isinstance(found, dict):
            raise ValueError(f"it must hold an object of JSON, but holds a {type(found).__name__}")
    return found
