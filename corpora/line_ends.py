"""The ends of the lines of a table: line feeds, or carriage returns as on an old Macintosh; and the mark at a file's
beginning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from distune._plural import n_of
from distune.corpora.texts import CorpusError

MARK = "\ufeff"
"""The byte-order mark, with which many programs begin a file; it stands within one that was put together of several."""
QUOTED = re.compile(r'"(?:[^"]|"")*"')
FIRST_END = re.compile(r'(?:"(?:[^"]|"")*+"|[^"\r\n])*+(\r\n|\n|\r)')
"""The end of the first line that is not within quotation marks; possessive, as marks alone can be paired in more ways than can be tried."""
LONGEST_HEADER = 100_000
BARE_RETURN = re.compile(r"\r(?!\n)")


def lines_of_table(text: str) -> list[str]:
    """The lines with their ends, without byte-order marks at the beginning of the file and of each further file in it.

    They end in carriage returns where the first one does, and outside of quotation marks more end so than in line feeds.
    """
    end = "\r" if ends_in_returns(text) else "\n"
    if text.startswith(MARK) or _repeats_its_header(text, end):
        text = text.removeprefix(MARK).replace(f"{end}{MARK}", end)
    pieces = text.split(end)
    lines = [piece + end for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines


def ends_in_returns(text: str) -> bool:
    first = FIRST_END.match(text[:LONGEST_HEADER])
    if first is None or first[1] != "\r":
        return False
    unquoted = QUOTED.sub("", text)
    return len(BARE_RETURN.findall(unquoted)) > unquoted.count("\n")


def _repeats_its_header(text: str, end: str) -> bool:
    """Whether the first line stands again behind a byte-order mark."""
    first = text.split(end, 1)[0]
    return bool(first.strip()) and f"{end}{MARK}{first}{end}" in text


def refuse_two_line_ends(lines: Sequence[str], name: str) -> None:
    """Raise CorpusError for a file of one column in which lines may end in line feeds and in carriage returns."""
    text = "".join(lines)
    if not BARE_RETURN.search(text):
        return
    unquoted = QUOTED.sub("", text)
    n_returns, n_feeds = len(BARE_RETURN.findall(unquoted)), unquoted.count("\n")
    if n_returns > n_feeds > 0:
        raise CorpusError(
            f"{name}: has {n_of(n_returns, 'carriage return')} and {n_of(n_feeds, 'line feed')}, and a line may end in either; save it with line "
            "feeds alone"
        )
