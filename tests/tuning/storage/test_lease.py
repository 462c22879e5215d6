from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distune.corpora.places import Place
from distune.tuning.storage import lease
from distune.tuning.storage.lease import only_driver
from distune.tuning.study.errors import StudyError


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "driver.json"))


def write(place: Place, **values: object) -> None:
    place.write_text(json.dumps({"name": "other", "host": "elsewhere", "pid": 1, "renewed_s": time.time(), **values}))


def test_a_lease_is_there_while_it_is_held_and_gone_after(place: Place) -> None:
    with only_driver(place):
        assert place.is_file()
    assert not place.exists()


def test_a_second_driver_on_this_machine_is_refused(place: Place) -> None:
    with (
        only_driver(place),
        pytest.raises(StudyError, match=r"another driver runs this search: process \d+ on"),
        only_driver(place),
    ):
        raise AssertionError("held twice")


def test_the_lease_of_a_dead_process_of_this_machine_is_taken(place: Place) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with only_driver(place):
        host = json.loads(place.read_text())["host"]
    write(place, host=host, pid=dead.pid)
    with only_driver(place):
        assert json.loads(place.read_text())["pid"] != dead.pid


def test_a_lease_that_ends_while_another_looks_at_it_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place)
    monkeypatch.setattr(Place, "is_file", lambda self: True)
    place.delete()
    with only_driver(place):
        assert json.loads(place.read_text())["host"] != "elsewhere"
        place.delete()


def test_a_driver_elsewhere_that_no_longer_renews_is_gone(place: Place) -> None:
    write(place, renewed_s=time.time() - lease.GONE_AFTER_S - 1)
    with only_driver(place):
        assert json.loads(place.read_text())["host"] != "elsewhere"


def test_a_driver_elsewhere_is_waited_for_and_refused_where_it_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "GONE_AFTER_S", 0.5)
    write(place, renewed_s=time.time() + 100)
    with pytest.raises(StudyError, match="process 1 on elsewhere"), only_driver(place):
        raise AssertionError("held twice")


def test_a_driver_that_was_asleep_stops_when_another_has_taken_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWED_EVERY_S", 0.05)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # As `distune search` does.
    with pytest.raises(KeyboardInterrupt):
        _be_overtaken(place)
    signal.signal(signal.SIGINT, before)
    assert json.loads(place.read_text())["host"] == "elsewhere"  # The other's lease is left alone.


def _be_overtaken(place: Place) -> None:
    with only_driver(place):
        for _ in range(15_000):  # Five minutes at most; it is a moment.
            write(place)
            time.sleep(0.02)


def test_a_lease_is_renewed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWED_EVERY_S", 0.05)
    with only_driver(place):
        first = json.loads(place.read_text())["renewed_s"]
        end = time.monotonic() + 300
        while json.loads(place.read_text())["renewed_s"] == first:
            assert time.monotonic() < end
