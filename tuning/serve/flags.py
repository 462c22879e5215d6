"""Messages about tables with the flags of `distune predict` in place of the settings of a study."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from distune.corpora.texts import CorpusError

FLAGS = (
    (
        r"name the columns by `text:` and `label:`, or name every class in `labels:` if it is a row",
        "name the column with the texts by --text",
    ),
    (r", or set `skip_bad_rows: true` to leave these rows out", ", or take these rows out"),
    (r"name one of them, or the others as `more_unlabelled:` or `teacher_data:`", "answer each by a run of its own"),
    (r"set `quoting: (\w+)`", r"set --quoting \1"),
    (r"`quoting: (\w+)`", r"--quoting \1"),
    (r"`columns: \[\.\.\.\]`", "--columns A,B"),
    (r"`columns`", "--columns"),
    (r"set `encoding:` to", "set --encoding to"),
    (r"`encoding:`", "--encoding"),
    (r"`text:`", "--text"),
)
"""The words of the reader of corpora, and those of the command."""


@contextmanager
def with_flags() -> Iterator[None]:
    """Raise a CorpusError on, in the words of the command."""
    try:
        yield
    except CorpusError as error:
        said = in_flags(str(error))
        if said == str(error):
            raise
        raise type(error)(said) from error


def in_flags(message: str) -> str:
    """A message with flags in place of settings."""
    for of_study, of_command in FLAGS:
        message = re.sub(of_study, of_command, message)
    return message
