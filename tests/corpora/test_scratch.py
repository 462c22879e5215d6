from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from distune.corpora.scratch import NEW_FOR_S, scratch_folder, sweep

ROOT = Path(__file__).resolve().parents[2]
KILLED = "import os, signal; from distune.corpora.scratch import make_scratch; print(make_scratch()[0], flush=True); os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def made_long_ago(folder: Path) -> None:
    there = folder.stat()
    os.utime(folder, (there.st_atime, there.st_mtime - 2 * NEW_FOR_S))


def test_a_scratch_folder_is_gone_after_its_use(temporary: Path) -> None:
    with scratch_folder() as folder:
        (folder / "a").write_text("1", encoding="utf-8")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(temporary: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with scratch_folder() as used:
        made_long_ago(used)
        sweep()
        assert (left.is_dir(), used.is_dir()) == (True, True)  # It may have been made by one that is about to lock it.
        made_long_ago(left)
        sweep()
        assert (left.is_dir(), used.is_dir()) == (False, True)
