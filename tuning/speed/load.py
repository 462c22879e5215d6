"""The other work of a machine during a timing."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from distune.tuning.speed.figures import Load

STAT = Path("/proc/stat")
IDLE = (3, 4)
"""The fields of a `cpu` line that are waiting: idle and iowait. Those behind the eighth are counted in others already."""


@dataclass(frozen=True)
class Mark:
    """Seconds of CPU that all processes and this one have taken up to a moment."""

    moment_s: float
    all_s: float
    ours_s: float


def mark() -> Mark | None:
    """The moment now; None if the system does not say what all processes take."""
    try:
        fields = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
        busy = sum(int(value) for i, value in enumerate(fields) if i not in IDLE)
    except (OSError, ValueError):
        return None
    return Mark(time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), time.process_time())


def load_between(before: Mark | None, after: Mark | None) -> Load | None:
    """The cores that other processes took between two marks."""
    if before is None or after is None or after.moment_s <= before.moment_s:
        return None
    of_others_s = after.all_s - before.all_s - (after.ours_s - before.ours_s)
    cores = max(0.0, of_others_s) / (after.moment_s - before.moment_s)
    return Load(round(cores, 2), os.cpu_count() or 1)
