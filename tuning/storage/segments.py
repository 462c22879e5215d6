"""The segments of a journal: which of them to read, and what is refused of them.

A segment is named by the numbers of its first entry and of the one after its last, and since it has one by the checksum
of its content: `000000012-000000024-1a2b3c4d.jsonl`. Merged ones may be in the same folder as their parts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from distune._plural import n_of
from distune.corpora.places import Place
from distune.tuning.study.errors import StudyError

NAME = re.compile(r"(\d{9,})-(\d{9,})(?:-([0-9a-f]{8}))?\.jsonl")


@dataclass(frozen=True, order=True)
class Segment:
    """The entries from `start` to `end`; the longest from a start is the first of an order."""

    start: int
    minus_end: int
    name: str
    checksum: str | None

    @property
    def end(self) -> int:
        return -self.minus_end


class DamagedJournalError(StudyError):
    """A journal of which something is lost; the message says what, and what is safe."""


def segment_name(start: int, end: int, content: str) -> str:
    return f"{start:09d}-{end:09d}-{_checksum(content)}.jsonl"


def start_of(name: str) -> int:
    return int(name.partition("-")[0])


def read_segments(folder: Place, names: Sequence[str]) -> list[str]:
    """The lines of all entries, in order. Raises DamagedJournalError if some are lost or have changed, and
    FileNotFoundError if the driver merges a segment during the reading."""
    lines: list[str] = []
    segments = sorted(segment for name in names if (segment := _segment(folder, name)) is not None)
    for segment in segments:
        if segment.start > len(lines):
            raise _damaged(folder, f"a segment is missing before {segment.name}", lines)
        if segment.start == len(lines):
            lines += _entries(folder, segment, lines)
        elif segment.end > len(lines) or not _is_part(segment, lines):
            raise _damaged(folder, f"{segment.name} overlaps the segment before it: two drivers wrote", lines)
    return lines


def _segment(folder: Place, name: str) -> Segment | None:
    if not name.endswith(".jsonl"):
        return None
    found = NAME.fullmatch(name)
    if found is None:
        raise StudyError(f"{folder / name} is no segment of a journal: put it elsewhere")
    return Segment(int(found[1]), -int(found[2]), name, found[3])


def _entries(folder: Place, segment: Segment, before: Sequence[str]) -> list[str]:
    try:
        text = (folder / segment.name).read_text()
    except UnicodeDecodeError as error:
        raise _damaged(folder, f"{segment.name} has changed since it was written ({error})", before) from error
    lines, n_entries = text.splitlines(), segment.end - segment.start
    if len(lines) != n_entries or not text.endswith("\n"):
        raise _damaged(
            folder, f"{segment.name} is cut: it has {len(lines)} of {n_of(n_entries, 'entry', 'entries')}", before
        )
    if segment.checksum is not None and _checksum(text) != segment.checksum:
        raise _damaged(folder, f"{segment.name} has changed since it was written", before)
    for number, line in enumerate(lines, start=1):
        if not _is_entry(line):
            raise _damaged(folder, f"line {number} of {segment.name} is no entry of a journal", before)
    return lines


def _is_part(segment: Segment, lines: Sequence[str]) -> bool:
    """Whether a segment is one of those that were merged into the one that was read."""
    content = "".join(f"{line}\n" for line in lines[segment.start : segment.end])
    return segment.checksum in (None, _checksum(content))


def _is_entry(line: str) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and isinstance(entry.get("op_code"), int)


def _damaged(folder: Place, what: str, before: Sequence[str]) -> DamagedJournalError:
    n_safe = sum(_ends_a_trial(json.loads(line)) for line in before)
    return DamagedJournalError(
        f"the journal {folder} is damaged: {what}. The {n_of(n_safe, 'trial that ended before it is', 'trials that ended before it are')} whole. Put the file back as it "
        "was; or move it and the segments after it elsewhere, and the search goes on after those trials"
    )


def _ends_a_trial(entry: dict[str, Any]) -> bool:
    is_state = entry["op_code"] == JournalOperation.SET_TRIAL_STATE_VALUES
    return is_state and TrialState(entry["state"]).is_finished()


def _checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:8]
