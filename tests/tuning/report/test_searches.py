"""The list of searches in a terminal: narrow or wide, nothing of it is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from distune.tuning.report.searches import Listed, show_searches


def shown(width: int) -> str:
    listed = [
        Listed(
            study="reviews",
            number=12,
            folder="storage/searches/reviews/12",
            state="ended",
            n_done=64,
            n_trials=64,
            metric="accuracy",
            best_dev_score=0.8395,
            champion=12,
            driver="process 7 on one",
            begun_at="2026-11-29 05:44:12 UTC",
            ended_at="2026-11-29 05:54:35 UTC",
        )
    ]
    stream = io.StringIO()
    show_searches(listed, "storage", Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_terminal_cuts_nothing_of_the_searches(width: int) -> None:
    printed = shown(width)
    assert "…" not in printed
    for cell in ("reviews 12", "64 of 64", "0.8395", "trial 12", "2026-11-29", "05:44", "05:54"):
        assert cell in printed
    assert max(map(len, printed.splitlines())) <= width
    assert printed.splitlines()[-1] == "reviews 12 is searched by process 7 on one"


def test_times_stand_on_one_line_where_there_is_room() -> None:
    assert "2026-11-29 05:44 │ 2026-11-29 05:54" in shown(120)
