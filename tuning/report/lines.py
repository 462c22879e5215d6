"""Lines for people: what our modules log, printed as they come."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class _OnConsole(logging.Handler):
    """A line that does not fit is not broken, nor are brackets taken for markup: it may be searched for, and copied."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(record.getMessage(), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def lines_on(console: Console) -> Iterator[None]:
    """Print what is logged under the name distune, and nobody else's lines, on the console that a search is drawn on.

    The handlers of a program that searches do not get them meanwhile: whoever logs to the terminal would have them twice.
    """
    logger = logging.getLogger(__name__.partition(".")[0])
    handler, before = _OnConsole(console), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])  # Which forgets what was enabled meanwhile.
        logger.propagate = before[1]
