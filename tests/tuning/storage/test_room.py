from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from types import SimpleNamespace

import pytest

from distune.cluster.config import ClusterError
from distune.corpora.disk import DiskError
from distune.tuning.storage.room import RESUMED, full_disks_named
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/there/file")


def test_a_full_disk_is_named_with_what_to_do_once(study: Study) -> None:
    with pytest.raises(DiskError) as caught, full_disks_named(study.config), full_disks_named(study.config, RESUMED):
        raise full()
    said = str(caught.value)
    assert said.startswith("cannot write /there/file: no space is left; ")
    assert said.endswith(
        " MB are free there; what the search has found is kept: make room, and the same command with --resume goes on"
    )
    assert said.count("make room") == 1


def test_of_sqlite_the_database_is_named(study: Study) -> None:
    said = r"^cannot write .*/mlflow\.db: .*; make room, and the same command goes on$"
    with pytest.raises(DiskError, match=said), full_disks_named(study.config):
        raise RuntimeError("it could not be logged") from sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize(
    ("error", "free", "raised"),
    [
        (ClusterError("Ray did not start"), 0, DiskError),
        (ClusterError("Ray did not start"), 10**9, ClusterError),
        (StudyError("trial.epochs: must be at least 1"), 0, StudyError),
    ],
)
def test_what_ends_for_no_reason_where_there_is_no_room_ends_for_that(
    study: Study, monkeypatch: pytest.MonkeyPatch, error: Exception, free: int, raised: type[Exception]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**10, free=free))
    with pytest.raises(raised), full_disks_named(study.config):
        raise error
