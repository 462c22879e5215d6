from __future__ import annotations

import io
import logging

from rich.console import Console

from distune.tuning.report.lines import lines_on

OURS = logging.getLogger("distune.tuning.session")


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
