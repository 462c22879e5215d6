from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from distune.models.students.config import AverageConfig
from distune.tuning.storage.records import TrialRecord
from distune.tuning.tracking import outbox
from distune.tuning.tracking.outbox import Outbox, ServerAwayError
from distune.tuning.trial.config import TrialConfig

RECORD = TrialRecord(number=3, state="running", config=TrialConfig(student=AverageConfig(kind="average")))


class Server:
    """Writes down what it is told, unless it is away; the second kind of error is for good."""

    def __init__(self) -> None:
        self.lines: list[object] = []
        self.is_there = threading.Event()
        self.is_there.set()
        self.is_broken = False
        self.tries = 0

    def write(self, line: object) -> int:
        self.tries += 1
        if self.is_broken:
            raise KeyError("no such run")
        if not self.is_there.is_set():
            raise ConnectionError("refused")
        self.lines.append(line)
        return len(self.lines)

    def started(self, record: TrialRecord) -> None:
        self.write(("started", record.number))

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        self.write(("reported", number, epoch))

    def ended(self, record: TrialRecord) -> None:
        self.write(("ended", record.number))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(outbox, "PATIENCE_S", 300.0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def box(server: Server, said: list[str]) -> Iterator[Outbox]:
    made = Outbox(server, lambda error: isinstance(error, ConnectionError))
    yield made
    made.close()


def tell_all(box: Outbox) -> None:
    box.started(RECORD)
    box.reported(3, {"score": 0.5}, 1)
    box.ended(RECORD)


ALL = [("started", 3), ("reported", 3, 1), ("ended", 3)]


def test_what_is_told_arrives_in_order_and_an_answer_comes_after_it(server: Server, box: Outbox) -> None:
    tell_all(box)
    assert box.ask(partial(server.write, "last")) == 4
    assert server.lines == [*ALL, "last"]


def test_nobody_waits_for_a_server_that_is_away_and_nothing_is_lost(
    server: Server, box: Outbox, said: list[str]
) -> None:
    server.is_there.clear()
    tell_all(box)  # It returns although the server does not come back before the test lets it.
    while server.tries < 3:
        time.sleep(0.01)
    assert server.lines == []
    server.is_there.set()
    box.ask(lambda: None)
    assert server.lines == ALL
    assert said == [
        "MLflow does not answer (refused); the search goes on, and what is missed is written when it is back",
        "MLflow is back",
    ]


def test_an_error_that_no_patience_helps_is_raised_at_the_next_call(server: Server, box: Outbox) -> None:
    server.is_broken = True
    with pytest.raises(KeyError, match="no such run"):
        box.ask(partial(server.write, "a"))
    with pytest.raises(KeyError, match="no such run"):
        box.started(RECORD)
    assert server.tries == 1


def test_a_server_that_stays_away_is_given_up_with_what_is_missing(
    server: Server, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.1)
    server.is_there.clear()
    box.started(RECORD)
    with pytest.raises(ServerAwayError, match=r"has not answered for 0 s; \d records are not written"):
        box.ask(lambda: None)


def test_closing_waits_for_what_is_still_to_be_written(server: Server, said: list[str]) -> None:
    box = Outbox(server, lambda error: isinstance(error, ConnectionError))
    server.is_there.clear()
    tell_all(box)
    threading.Timer(0.1, server.is_there.set).start()
    box.close()
    assert server.lines == ALL


def test_who_gives_up_does_not_wait_for_a_server_that_is_away(server: Server, said: list[str]) -> None:
    box = Outbox(server, lambda error: isinstance(error, ConnectionError))
    server.is_there.clear()
    tell_all(box)
    box.give_up()
    start = time.monotonic()
    box.close()  # PATIENCE_S is 300.
    assert time.monotonic() - start < 100
    assert server.lines == []
