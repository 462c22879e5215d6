"""Ctrl-C twice, while the MLflow server is away: nobody waits for it."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from distune.tuning import session
from distune.tuning.concluding import InterruptedSearchError
from distune.tuning.session import tracked
from distune.tuning.storage.paths import Folder
from distune.tuning.study.config import StudyConfig
from distune.tuning.tracking import outbox


class Away:
    """A tracker whose server went away after the search began."""

    run_id = "r"

    def __init__(self, *arguments: object) -> None:
        self.asked: list[str] = []

    def close(self, status: str) -> None:
        self.asked.append(status)
        second.set()
        raise ConnectionError("refused")


second = threading.Event()


@pytest.mark.parametrize("n_interruptions", [1, 2])
def test_the_second_one_does_not_wait_for_the_server(monkeypatch: pytest.MonkeyPatch, n_interruptions: int) -> None:
    second.clear()
    monkeypatch.setattr(session, "Tracker", Away)
    monkeypatch.setattr(outbox, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.2)
    if n_interruptions == 2:

        def interrupted(self: Any, timeout: float | None = None) -> Any:
            second.wait(60)
            raise KeyboardInterrupt

        monkeypatch.setattr("distune.tuning.tracking.outbox.Future.result", interrupted)
    folder = SimpleNamespace(state={}, update=lambda **state: None)
    with (
        pytest.raises(InterruptedSearchError, match="--resume goes on"),
        tracked(cast(StudyConfig, None), 0.9, cast(Folder, folder)) as box,
    ):
        raise InterruptedSearchError("interrupted after 1 of 4 trials; --resume goes on")
    assert cast(Away, box.observer).asked[0] == "KILLED"
    assert box._gives_up.is_set()
