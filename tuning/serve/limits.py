"""How much `distune serve` takes, of what and for how long; each limit is a flag."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass
from typing import ClassVar

OWN_FILES = 64
"""Open files in addition to the connections: libraries, the log, the loop's own."""


class ServingError(ValueError):
    """Settings that cannot be served with; the message says why."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server. Beyond each, clients are refused by a status and a line, and others go on being answered."""

    max_batch: int = 64
    max_waiting: int = 4096
    max_texts: int = 4096
    max_text_chars: int = 100_000
    max_body_bytes: int = 1 << 20
    max_connections: int = 1024
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 5.0

    @property
    def max_held_bytes(self) -> int:
        """The bytes of all bodies together that are being read or wait for their answers: without it, memory would be bounded by the
        connections alone, a thousand bodies."""
        return 32 * self.max_body_bytes


def check_limits(limits: Limits) -> None:
    """Raise ServingError for a limit that lets nothing in."""
    for name, value in asdict(limits).items():
        flag = f"--{name.removesuffix('_s').replace('_', '-')}"
        if name.endswith("_s"):
            if not 0.1 <= value <= 86_400:
                raise ServingError(f"{flag} must be a number of seconds from 0.1 to 86,400, but got {value:g}")
        elif value < 1:
            raise ServingError(f"{flag} must be at least 1, but got {value}")


def allow_files(max_connections: int) -> None:
    """Let this process have as many open files as connections need.

    If accepting fails for lack of one, no client gets in at all, not even for a refusal.
    """
    needed = max_connections + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard) and hard < needed:
        raise ServingError(
            f"--max-connections {max_connections} needs {needed} open files, but this process may have {hard} (`ulimit -Hn`): "
            f"allow more, or take --max-connections {max(1, hard - OWN_FILES)}"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
