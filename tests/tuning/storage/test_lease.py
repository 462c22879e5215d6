from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from distune.corpora.kept import DamagedError
from distune.corpora.places import Place
from distune.tuning.storage import lease
from distune.tuning.storage.lease import only_driver
from distune.tuning.study.errors import StudyError

ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.parametrize("behind_s", [46.0, 20.0, -3600.0])
def test_a_driver_elsewhere_that_does_not_renew_while_it_is_looked_at_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch, said: list[str], behind_s: float
) -> None:
    look_at(monkeypatch, 0.3)
    write(place, renewed_s=time.time() - behind_s)
    with only_driver(place):
        assert json.loads(place.read_text())["host"] != "elsewhere"
    assert said[0].startswith(f"{place} is that of process 1 on elsewhere; this looks for ")


def test_one_of_last_week_is_gone_at_once(place: Place, said: list[str]) -> None:
    write(place, renewed_s=time.time() - 7 * 86_400)
    with only_driver(place):
        assert json.loads(place.read_text())["host"] != "elsewhere"
    assert said == []


@pytest.mark.parametrize("behind_s", [600.0, 0.0, -600.0])
def test_a_driver_elsewhere_that_goes_on_is_refused_whatever_its_clock_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, behind_s: float
) -> None:
    look_at(monkeypatch, 300.0)
    write(place, renewed_s=time.time() - behind_s)
    renewal = threading.Timer(0.1, lambda: write(place, renewed_s=time.time() - behind_s))
    renewal.start()
    with pytest.raises(StudyError, match="process 1 on elsewhere"), only_driver(place):
        raise AssertionError("held twice")
    renewal.join()


@pytest.mark.parametrize("renews", [False, True])
def test_an_old_lease_whose_number_another_process_has_is_looked_at(
    place: Place, monkeypatch: pytest.MonkeyPatch, renews: bool
) -> None:
    # A container that begins again has the same name, and its driver the same number.
    monkeypatch.setattr(lease, "LOOKED_FOR_S", 300.0 if renews else 0.1)
    monkeypatch.setattr(lease, "LOOKED_EVERY_S", 0.01)
    write(place, host=socket.gethostname(), pid=os.getpid(), renewed_s=time.time() - 46)
    if not renews:
        with only_driver(place):
            assert json.loads(place.read_text())["name"] != "other"
        return
    renewal = threading.Timer(0.1, lambda: write(place, host=socket.gethostname(), pid=os.getpid()))
    renewal.start()
    with pytest.raises(StudyError, match=f"process {os.getpid()} on"), only_driver(place):
        raise AssertionError("held twice")
    renewal.join()


def look_at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(lease, "GONE_AFTER_S", seconds)
    monkeypatch.setattr(lease, "LOOKED_FOR_S", seconds)
    monkeypatch.setattr(lease, "LOOKED_EVERY_S", 0.01)


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


DRIVER = """
import sys, time
from pathlib import Path
from distune.corpora.kept import DamagedError
from distune.corpora.places import Place
from distune.tuning.storage.lease import only_driver
from distune.tuning.study.errors import StudyError
Path(sys.argv[1], f"ready-{sys.argv[2]}").touch()
while not Path(sys.argv[1], "go").exists():
    pass
try:
    with only_driver(Place(sys.argv[1]) / "driver.json"):
        print("holds it", flush=True)
        sys.stdin.read()
except StudyError:
    print("is refused", flush=True)
"""


@pytest.mark.parametrize("before", ["nothing", "a dead driver's"])
def test_of_drivers_that_begin_at_once_one_gets_the_lease(place: Place, tmp_path: Path, before: str) -> None:
    if before != "nothing":
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        write(place, host=socket.gethostname(), pid=dead.pid)
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    drivers = [
        subprocess.Popen([*command, str(i)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for i in range(4)
    ]
    end = time.monotonic() + 300
    while len(list(tmp_path.glob("ready-*"))) < 4:
        assert time.monotonic() < end
        time.sleep(0.01)
    (tmp_path / "go").touch()
    said = sorted(driver.stdout.readline() for driver in drivers if driver.stdout)
    assert said == ["holds it\n", *["is refused\n"] * 3]
    for driver in drivers:
        driver.communicate("")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("driver")] == []


def test_a_lease_that_another_has_taken_meanwhile_is_put_back(place: Place) -> None:
    write(place, name="the newer")
    path = Path(str(place))
    lease._remove(path, "the older")
    assert json.loads(path.read_text(encoding="utf-8"))["name"] == "the newer"
    lease._remove(path, "the newer")
    assert list(path.parent.iterdir()) == []


def test_in_an_object_store_the_last_that_wrote_gets_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SETTLED_AFTER_S", 0.0)
    monkeypatch.setattr(Place, "path", None)
    path = Path(place.uri)
    monkeypatch.setattr(Place, "_resolved", property(lambda self: (LocalFileSystem(), self.uri)))
    settle = lease.time.sleep

    def overtake(seconds: float) -> None:
        if not path.with_name("overtaken").exists():
            path.with_name("overtaken").touch()
            write(place, renewed_s=time.time() + 100, host=socket.gethostname())
        settle(seconds)

    monkeypatch.setattr(lease.time, "sleep", overtake)
    with pytest.raises(StudyError, match="another driver runs this search"), only_driver(place):
        raise AssertionError("held twice")


@pytest.mark.parametrize("content", ["", "[]", '{"name": "a"}', '{"name": 1, "host": 1, "pid": "x", "renewed_s": 1}'])
def test_a_damaged_lease_is_refused_with_its_name(place: Place, content: str) -> None:
    place.write_text(content)
    message = r"driver\.json is damaged \(.*\); see that no driver runs this search, and remove the file"
    with pytest.raises(DamagedError, match=message), only_driver(place):
        raise AssertionError("held")


def test_a_lease_is_renewed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWED_EVERY_S", 0.05)
    with only_driver(place):
        first = json.loads(place.read_text())["renewed_s"]
        end = time.monotonic() + 300
        while json.loads(place.read_text())["renewed_s"] == first:
            assert time.monotonic() < end


def test_a_lease_that_something_else_damages_is_still_held_and_mended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWED_EVERY_S", 0.05)
    with only_driver(place):
        name = json.loads(place.read_text())["name"]
        place.write_text("{")
        end = time.monotonic() + 300
        while place.read_text() == "{":
            assert time.monotonic() < end
            time.sleep(0.01)
        assert json.loads(place.read_text())["name"] == name
        monkeypatch.setattr(lease, "_write", lambda place, name: None)
        place.write_text("{")
    assert not place.exists()  # Its end is no error of the search.
