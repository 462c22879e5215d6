from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from distune.corpora.disk import DiskError
from distune.tuning.commands.ending import guarded

ROOT = Path(__file__).resolve().parents[2]
HANGS = """
import sys, threading
from distune.tuning.commands import ending
ending.ENDS_WITHIN_S = 0.2
threading.Thread(target=threading.Event().wait).start()  # As a library that waits for a server which was killed.
print("done")
ending.leave(3)
"""
CRASHES = """
import atexit, ctypes, logging.handlers, sys, tempfile, threading, time
from distune.tuning.commands.ending import leave
import ray
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.abort, None, None)  # As the destructors of C++ that run beside threads of Ray.
kept = tempfile.TemporaryDirectory()
log = logging.FileHandler(sys.argv[1])
logging.getLogger().addHandler(logging.handlers.MemoryHandler(9, target=log))
logging.warning("logged")
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.2), print("another thread"))).start()
print(kept.name)
leave(3)
"""


def ended(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_command_that_has_done_its_work_ends_whatever_still_waits() -> None:
    done = ended(HANGS)
    assert (done.returncode, done.stdout) == (3, "done\n")


def test_a_command_with_ray_ends_with_its_code_whatever_crashes_at_an_exit_and_loses_nothing(tmp_path: Path) -> None:
    done = ended(CRASHES, tmp_path / "log")
    folder, *rest = done.stdout.splitlines()
    assert (done.returncode, rest, done.stderr) == (3, ["another thread", "registered"], "")
    assert not Path(folder).exists()
    assert (tmp_path / "log").read_text() == "logged\n"
    as_usual = ended(CRASHES.replace("leave(3)", "sys.exit(3)"), tmp_path / "other")
    assert as_usual.returncode == -signal.SIGABRT


def test_a_command_without_ray_ends_as_usual(tmp_path: Path) -> None:
    done = ended(CRASHES.replace("import ray\n", ""), tmp_path / "log")
    assert done.returncode == -signal.SIGABRT


def test_a_command_may_have_an_exit_code_of_its_own() -> None:
    assert guarded(lambda options: 7, argparse.Namespace()) == 7
    assert guarded(lambda options: None, argparse.Namespace()) == 0


def raising(error: Exception) -> int:
    def run(options: argparse.Namespace) -> None:
        raise error

    return guarded(run, argparse.Namespace())


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/there/file"),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
        DiskError(errno.ENOSPC, "cannot write /there/file: no space is left; 0.0 MB of 2.0 MB are free there"),
    ],
)
def test_a_full_disk_is_one_line_and_exit_code_1(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(error) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("distune: cannot write /")
    assert line.endswith(" are free there")


def test_an_output_that_takes_no_more_blames_no_folder_that_has_room(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == 1
    assert capsys.readouterr().err == "distune: No space left on device\n"


def test_an_error_of_ours_that_nobody_foresaw_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())


def interrupted_twice(options: argparse.Namespace) -> None:
    try:
        raise KeyboardInterrupt("interrupted after 2 of 8 trials; --resume goes on")
    finally:
        raise KeyboardInterrupt  # It comes while the first one closes what is open.


def test_a_second_interruption_still_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(interrupted_twice, argparse.Namespace()) == 130
    assert capsys.readouterr().err == "distune: interrupted after 2 of 8 trials; --resume goes on\n"


ENDED_BY_A_SIGNAL = """
import signal, time
from distune.tuning.commands.searches import _be_interruptible
_be_interruptible()
try:
    signal.raise_signal(signal.SIGTERM)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_ends_a_command_that_a_worker_of_ray_has_started() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # As Ray's workers do; a child inherits it.
    try:
        done = ended(ENDED_BY_A_SIGNAL)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr
