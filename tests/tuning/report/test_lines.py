from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from distune.tuning.report.lines import lines_on, lines_where_they_go

OURS = logging.getLogger("distune.tuning.session")
LOGGER = logging.getLogger("distune")


def state() -> tuple[int, bool, list[logging.Handler]]:
    return LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)


@contextmanager
def unconfigured() -> Iterator[None]:
    """A root logger without the handlers that pytest puts there."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_line_is_printed_as_it_is_and_is_not_broken() -> None:
    stream = io.StringIO()
    with lines_on(Console(file=stream, width=20)):
        OURS.info("search [bold]in /a/long/path/that/does/not/fit[/bold]: 5 % done, %s")
    assert stream.getvalue() == "search [bold]in /a/long/path/that/does/not/fit[/bold]: 5 % done, %s\n"


def test_lines_come_in_the_order_of_what_else_is_printed() -> None:
    stream = io.StringIO()
    console = Console(file=stream)
    with lines_on(console):
        OURS.info("one")
        console.print("two")
        OURS.info("three")
    assert stream.getvalue() == "one\ntwo\nthree\n"


def test_nobody_elses_lines_and_nothing_of_later_is_printed() -> None:
    stream = io.StringIO()
    ours = logging.getLogger("distune")
    before = (ours.level, ours.propagate, list(ours.handlers))
    with lines_on(Console(file=stream)):
        logging.getLogger("transformers").warning("not for people")
        OURS.debug("nor this")
        logging.getLogger("distune").info("ours")
    OURS.info("later")
    assert stream.getvalue() == "ours\n"
    assert (ours.level, ours.propagate, ours.handlers) == before


@pytest.mark.parametrize("first_to_end", [0, 1])
@pytest.mark.parametrize("way", [lines_on, lines_where_they_go])
def test_overlapping_searches_print_each_line_once_and_leave_the_logger_as_it_was(
    way: Callable[[Console], AbstractContextManager[None]], first_to_end: int
) -> None:
    streams, searches = [io.StringIO(), io.StringIO()], [ExitStack(), ExitStack()]
    with unconfigured():
        before = state()
        for stream, search in zip(streams, searches, strict=True):
            search.enter_context(way(Console(file=stream)))
        OURS.info("both")
        searches[first_to_end].close()
        OURS.info("one")
        searches[1 - first_to_end].close()
        assert state() == before
    assert sorted("".join(stream.getvalue() for stream in streams).split()) == ["both", "one"]
    assert "one" in streams[1 - first_to_end].getvalue()


def test_a_line_is_printed_on_the_console_of_the_thread_that_logs_it() -> None:
    streams, before, both = [io.StringIO(), io.StringIO()], state(), threading.Barrier(2)

    def search(number: int) -> None:
        with lines_on(Console(file=streams[number])):
            both.wait()
            OURS.info("search %d", number)
            both.wait()

    threads = [threading.Thread(target=search, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [stream.getvalue() for stream in streams] == ["search 0\n", "search 1\n"]
    assert state() == before


def test_lines_go_to_the_handlers_of_whoever_has_configured_logging(tmp_path: Path) -> None:
    stream, before = io.StringIO(), state()
    with unconfigured():
        logging.basicConfig(filename=tmp_path / "search.log", format="%(name)s %(message)s")
        with lines_where_they_go(Console(file=stream)):
            OURS.info("begun")
            with lines_where_they_go(Console(file=stream)):
                OURS.info("another")
            OURS.debug("not for people")
        OURS.info("later")
        for handler in logging.getLogger().handlers:
            handler.close()
    assert (tmp_path / "search.log").read_text() == "distune.tuning.session begun\ndistune.tuning.session another\n"
    assert stream.getvalue() == ""
    assert state() == before


def test_a_level_that_the_user_has_set_is_kept() -> None:
    LOGGER.setLevel(logging.WARNING)
    try:
        with lines_where_they_go(Console(file=io.StringIO())):
            assert LOGGER.level == logging.WARNING
        assert LOGGER.level == logging.WARNING
    finally:
        LOGGER.setLevel(logging.NOTSET)
