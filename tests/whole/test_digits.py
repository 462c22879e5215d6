"""Text that `int` reads: one rule for all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from distune._digits import is_whole

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("corpora", "models", "losses", "cluster", "tuning", "distune")


@pytest.mark.parametrize("text", ["0", "007", "9" * 18])
def test_plain_digits_are_a_whole_number(text: str) -> None:
    assert is_whole(text)
    assert int(text) >= 0


@pytest.mark.parametrize("text", ["", "²", "①", "٣", "-1", "1.0", " 1", "9" * 19])
def test_everything_else_is_none(text: str) -> None:
    assert not is_whole(text)


def test_no_file_asks_isdigit_or_isnumeric_of_text() -> None:
    # They are true of `²`, which int() refuses. The fields of a file of vectors are bytes, of which ASCII digits alone are some.
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    asking = {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if re.search(r"\.is(digit|numeric)\(", path.read_text("utf-8"))
    }
    assert {one.removeprefix("distune/") for one in asking} == {"models/vectors/vector_rows.py"}
