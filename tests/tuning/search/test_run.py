"""A search whose workers are killed and whose disk is full: real Ray."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load

from distune.cluster.connection import connected
from distune.corpora.places import Place
from distune.tuning.search.run import run_search
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import Study
from tests.conftest import prepared_study

pytestmark = pytest.mark.slow


class Killer:
    """An observer that kills the worker of the first trial once that has ended its third epoch; `kept` is the last epoch in the
    storage then."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.killed = 0
        self.kept = 0

    def started(self, record: TrialRecord) -> None:
        pass

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        if epoch >= 3 and not self.killed:
            # On a slow disk a worker saves not every epoch.
            self.kept = int(load(self._folder.trial(number).training.read_bytes())["figures/epoch"])
            words = self._folder.trial(number).log.read_text().split("attempt in process ")[-1]
            self.killed = int(words.split()[0])
            os.kill(self.killed, signal.SIGKILL)

    def ended(self, record: TrialRecord) -> None:
        pass


def searched(document: dict[str, Any], observers: Any) -> tuple[Folder, Sequence[TrialRecord]]:
    study = Study(document)
    prepared, folder = prepared_study(study), new_folder(study)
    with connected(study.config.cluster):
        return folder, run_search(study, prepared.inputs, folder, observers(folder))


def test_with_the_storage_that_is_the_default_a_killed_worker_loses_no_epoch_that_it_kept(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    del document["storage"]
    document["search"] |= {"trials": 1}
    document["trial"] |= {"epochs": 20}
    killers: list[Killer] = []

    def observers(folder: Folder) -> list[Killer]:
        killers.append(Killer(folder))
        return killers

    folder, (record,) = searched(document, observers)
    assert str(folder) == "storage/searches/tiny/1"
    log = (tmp_path / "storage/searches/tiny/1/trials/0/log.txt").read_text(encoding="utf-8")
    assert log.count("attempt in process") == 2
    (after,) = [line for line in log.splitlines() if line.startswith("goes on after epoch ")]
    assert int(after.rsplit(" ", 1)[1]) >= killers[0].kept >= 1
    assert (record.state, record.epochs, len(record.curve)) == ("complete", 20, 20)
    assert list(tmp_path.rglob("training.safetensors")) == []
    assert list((tmp_path / "temporary").iterdir()) == []
    assert folder.trial(0).place == Place("storage/searches/tiny/1/trials/0")  # What is said stays short.
