"""The errors of models, and the line of another package's error that is worth showing."""

from __future__ import annotations

from typing import ClassVar


class ModelError(ValueError):
    """A model, a checkpoint or a vector file that cannot be used; the message says what to do."""

    exit_code: ClassVar[int] = 2


def first_line(error: Exception) -> str:
    """The first line of an error of another package, whose messages may go on for pages; of a bare KeyError its type too."""
    line = str(error).strip().split("\n")[0]
    is_bare = isinstance(error, LookupError | TypeError | AttributeError) or not line
    return f"{type(error).__name__}: {line}" if is_bare else line
