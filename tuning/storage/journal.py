"""The log of an Optuna study in a folder of any file system: numbered segments, each written whole.

Optuna's own journal appends to one file under a lock, which an object store has not. A search has one writer, its driver
(see `lease.py`), so that a segment for each proposal and each end is enough, and no lock is needed.
"""

from __future__ import annotations

import json
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from distune.corpora.places import Place

MERGED = 64
"""So many segments are merged into one, that opening a long search does not read a file for each trial."""


class Journal(BaseJournalBackend):
    """Keeps the log in memory; `flush` makes what came since the last one durable."""

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._small: list[str] = []
        while folder.exists():
            try:
                contents = [(folder / name).read_text() for name in _covering(folder.names())]
                break
            except FileNotFoundError:  # The driver has merged it meanwhile.
                continue
        else:
            contents = []
        # As JSON: it takes a quarter of the memory, and what Optuna does to what it has read stays with Optuna.
        self._lines = [line for content in contents for line in content.splitlines()]
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
            merged = self._write(_range(self._small[0])[0])
            for name in set(self._small) - {merged}:
                (self._folder / name).delete()
            self._small = []

    def _write(self, start: int) -> str:
        name = f"{start:09d}-{len(self._lines):09d}.jsonl"
        (self._folder / name).write_text("".join(f"{line}\n" for line in self._lines[start:]))
        return name


def _range(name: str) -> tuple[int, int]:
    start, end = name.removesuffix(".jsonl").split("-")
    return int(start), int(end)


def _covering(names: list[str]) -> list[str]:
    """The segments to read, in order: the longest from each start, as merged ones may lie beside their parts."""
    ranges = sorted((_range(name) for name in names if name.endswith(".jsonl")), key=lambda r: (r[0], -r[1]))
    found, end = [], 0
    for start, stop in ranges:
        if start == end:
            found.append(f"{start:09d}-{stop:09d}.jsonl")
            end = stop
    return found
