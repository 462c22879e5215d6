"""A disk that fills up, in one phase; `python -m benchmarks.cluster.full_disk` goes through all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.cluster.full_disk import run_one, small_disk

pytestmark = pytest.mark.soak


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a tmpfs")
def test_a_search_whose_disk_fills_up_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk() as root:
        assert run_one("first trials", root, tmp_path) == []
