"""The log of an Optuna study in a folder of any file system: numbered segments, each written whole (`segments.py`).

Optuna's own journal appends to one file under a lock, which an object store has not. A search has one writer, its driver
(see `lease.py`), so that a segment for each proposal and each end is enough, and no lock is needed.
"""

from __future__ import annotations

import json
import time
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from distune.corpora.places import Place
from distune.tuning.storage.segments import DamagedJournalError, read_segments, segment_name, start_of

MERGED = 64
"""This many segments are merged into one. So opening a long search does not read a file for each trial."""
TRIES, AGAIN_AFTER_S = 5, 0.02


class Journal(BaseJournalBackend):
    """Keeps the log in memory; `flush` makes what came since the last one durable."""

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._small: list[str] = []
        # As JSON: it takes a quarter of the memory, and what Optuna does to what it has read stays with Optuna.
        self._lines = _read(folder)
        self._n_durable = len(self._lines)

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """All entries from a number on."""
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, in memory."""
        self._lines += [json.dumps(log) for log in logs]

    def flush(self) -> None:
        """Write a segment of what is new."""
        if len(self._lines) == self._n_durable:
            return
        self._small.append(self._write(self._n_durable))
        self._n_durable = len(self._lines)
        if len(self._small) == MERGED:
            merged = self._write(start_of(self._small[0]))
            for name in set(self._small) - {merged}:
                (self._folder / name).delete()
            self._small = []

    def _write(self, start: int) -> str:
        content = "".join(f"{line}\n" for line in self._lines[start:])
        name = segment_name(start, len(self._lines), content)
        (self._folder / name).write_text(content)
        return name


def _read(folder: Place) -> list[str]:
    """All entries. A driver that merges segments while they are read makes them look lost: they are looked for again."""
    for _ in range(TRIES - 1):
        names = folder.names()
        try:
            return read_segments(folder, names)
        except (FileNotFoundError, DamagedJournalError):
            time.sleep(AGAIN_AFTER_S)
    return read_segments(folder, folder.names())
