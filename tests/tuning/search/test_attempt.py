from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from distune.corpora.places import Place
from distune.tuning.search.attempt import deadline, logged
from distune.tuning.storage.paths import TrialPlace

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place(tmp_path: Path) -> TrialPlace:
    return TrialPlace(Place(str(tmp_path / "trials" / "5")))


def test_the_log_has_what_is_printed_warned_of_and_logged_of_every_attempt(place: TrialPlace) -> None:
    for attempt in (1, 2):
        with logged(place):
            print(f"printed {attempt}")
            logging.getLogger("somebody").warning("logged %d", attempt)
            print(f"warned of {attempt}", file=sys.stderr)
    print("after")
    log = place.log.read_text()
    assert log.count("attempt in process") == 2
    for words in ("printed 1", "logged 1", "warned of 1", "printed 2", "logged 2", "warned of 2"):
        assert words in log
    assert "after" not in log


PROGRAM = """
import sys, time
from distune.corpora.places import Place
from distune.tuning.storage.paths import TrialPlace
from distune.tuning.search.attempt import deadline, logged
place = TrialPlace(Place(sys.argv[1]))
with logged(place) as log, deadline(0.3, place, log): time.sleep(3600)  # One line: wherever its deadline meets it, it is there.
"""


def test_a_trial_that_hangs_ends_its_process_and_says_where_it_was(place: TrialPlace) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(place.place)], cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert place.timed_out.read_text() == (f"it was ended after trial_timeout_s=0.3; where it was is in {place.log}")
    assert 'File "<string>", line 7 in <module>' in place.log.read_text()


def test_a_trial_within_its_time_is_left_alone(place: TrialPlace) -> None:
    with logged(place) as log, deadline(3600, place, log):
        (timer,) = (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))
    assert timer.finished.is_set()
    timer.join()
    assert not place.timed_out.exists()
