"""Lines for people: what our modules log, printed as they come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

_logger = logging.getLogger(__name__.partition(".")[0])
_lock = threading.Lock()


class _Printing:
    """One `with` for whose length lines are printed on a console, or go the user's way without one."""

    def __init__(self, console: Console | None) -> None:
        self.console = console
        self.thread = threading.get_ident()


class _OnConsoles(logging.Handler):
    """A line that does not fit is not broken, and brackets are not markup: so it can be searched and copied.

    It is printed once: on the console of the search whose thread logs it, else on the one that was opened last.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.open: list[_Printing] = []
        self.before = (_logger.level, _logger.propagate)

    def emit(self, record: logging.LogRecord) -> None:
        printing = [one for one in tuple(self.open) if one.console]
        if not printing:  # The last one has ended meanwhile.
            return
        of_thread = [one for one in printing if one.thread == record.thread]
        console = (of_thread or printing)[-1].console
        if console:
            console.print(record.getMessage(), markup=False, highlight=False, soft_wrap=True)

    def begin(self, printing: _Printing) -> None:
        if not self.open:
            self.before = (_logger.level, _logger.propagate)
        self.open.append(printing)
        self._settle()

    def end(self, printing: _Printing) -> None:
        self.open.remove(printing)
        self._settle()

    def _settle(self) -> None:
        """Leave the logger as what is open needs it, and as it was when nothing is."""
        level, propagate = self.before
        on_console = any(one.console for one in self.open)
        (_logger.addHandler if on_console else _logger.removeHandler)(self)
        # Which also forgets what was enabled meanwhile.
        _logger.setLevel(level or logging.INFO if self.open else level)
        _logger.propagate = propagate and not on_console


_handler = _OnConsoles()


@contextmanager
def lines_on(console: Console) -> Iterator[None]:
    """Print what is logged under the name distune, and nobody else's lines, on the console that a search is drawn on.

    The handlers of a program that searches do not get them during that time: a program that logs to the terminal would
    have them twice.
    """
    with _open(_Printing(console), unless_configured=False):
        yield


@contextmanager
def lines_where_they_go(console: Console) -> Iterator[None]:
    """The same if logging is not configured; else the lines go to the user's handlers, from the level INFO on."""
    with _open(_Printing(console), unless_configured=True):
        yield


@contextmanager
def _open(printing: _Printing, unless_configured: bool) -> Iterator[None]:
    with _lock:
        ours = _handler in _logger.handlers
        if unless_configured and not ours and _logger.hasHandlers():
            printing.console = None
        _handler.begin(printing)
    try:
        yield
    finally:
        with _lock:
            _handler.end(printing)
