from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import Progress

from distune.tuning.search import bars
from distune.tuning.search.bars import FillingView, TimeLeftColumn, time_left_s


def test_the_time_left_is_by_the_pace_so_far() -> None:
    assert time_left_s(10, 4, 10) == 15
    assert time_left_s(10, 0, 10) is None
    assert time_left_s(10, 10, 10) is None


def test_a_cache_is_followed_by_a_bar_in_a_terminal_and_by_lines_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    shown = []
    for is_terminal in (True, False):
        stream = io.StringIO()
        filling = FillingView(Console(file=stream, width=120, force_terminal=is_terminal))
        for n_done in (0, 250, 500, 1000):
            filling(n_done, 1000)
        filling(30, 30)  # the cache of augmented texts
        shown.append(stream.getvalue())
    assert "0/1000" in shown[0]
    assert "teacher logits: 1,000 texts in 0 s" in shown[0]
    assert [line.strip() for line in shown[1].splitlines()] == [
        "teacher logits: 0 of 1,000 texts",
        "teacher logits: 1,000 texts in 0 s",
        "teacher logits: 30 texts in 0 s",
    ]


def test_the_time_left_of_trainings_is_by_their_pace_since_the_beginning() -> None:
    now_s = 100.0
    bar = Progress(TimeLeftColumn(), get_time=lambda: now_s, disable=True)
    bar.add_task("", total=8)
    assert str(TimeLeftColumn().render(bar.tasks[0])) == ""
    now_s = 160.0
    bar.update(bar.tasks[0].id, completed=2)
    assert str(TimeLeftColumn().render(bar.tasks[0])) == "about 3 min left"  # 60 s for 2, 6 are left.
