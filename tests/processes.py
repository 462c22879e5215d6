"""What processes run on this machine, and where they listen."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PROC = Path("/proc")
MAPPED = "0000000000000000FFFF0000"
"""Before an IPv4 address in the table of IPv6."""


def parents() -> dict[int, int]:
    found = {}
    for path in PROC.glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found[int(path.parent.name)] = int(parent)
    return found


def family(pid: int) -> list[int]:
    """A process and all that it and its children have started."""
    found, known = [pid], parents()
    for one in found:
        found += [child for child, parent in known.items() if parent == one]
    return found


def alive(pids: list[int]) -> list[str]:
    return [command_of(pid) for pid in pids if pid in parents()]


def command_of(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def listening(pids: list[int]) -> set[tuple[str, int]]:
    """The addresses at which processes listen; IPv6's as they stand in /proc, but for those of IPv4 in them."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):  # A process or a file of it has gone meanwhile.
            sockets |= {os.readlink(path) for path in (PROC / str(pid) / "fd").iterdir() if path.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].removeprefix(MAPPED).split(":")
                dotted = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
                found.add((dotted, int(port, 16)))
    return found
