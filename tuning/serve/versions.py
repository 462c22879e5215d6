"""The versions of a student that come while it is served, as those who fetch them offer them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A version that has been fetched."""

    version: str
    folder: Path
    """Its checkpoint folder, which belongs to the server from now on."""


class Versions(Protocol):
    """The versions of one name, such as those of an alias in a registry."""

    @property
    def name(self) -> str:
        """The name under which the student is served."""
        ...

    def first(self) -> Offer:
        """Wait for the present version. Raises errors that have an exit code if there is none."""
        ...

    def listen(self, on_offer: Callable[[Offer], object], on_fault: Callable[[str], object]) -> None:
        """Have each further version and each fault told, by a thread of its own, until `close`."""
        ...

    def close(self) -> None:
        """Fetch nothing any more."""
        ...
