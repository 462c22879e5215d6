from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from distune.corpora.disk import DiskError
from distune.tuning.commands.ending import guarded

ROOT = Path(__file__).resolve().parents[2]
HANGS = """
import sys, threading
from distune.tuning.commands.ending import end_within
threading.Thread(target=threading.Event().wait).start()  # As a library that waits for a server which was killed.
print("done")
end_within(0.2, 3)
sys.exit(3)
"""


def test_a_command_that_has_done_its_work_ends_whatever_still_waits() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert (ended.returncode, ended.stdout) == (3, "done\n")


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
