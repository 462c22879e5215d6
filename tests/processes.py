"""What processes run on this machine, and where they listen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")
MAPPED = "0000000000000000FFFF0000"
"""Before an IPv4 address in the table of IPv6."""
LISTENS, CONNECTED = "0A", "01"
"""Two states of a socket."""


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
    return (read(PROC / str(pid) / "cmdline") or b"").replace(b"\0", b" ").decode()


def read(path: Path) -> bytes | None:
    """The content of a file of somebody else's, or None where it has gone meanwhile."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None


def files_under(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of a folder that others write into, each with its mode; those that go meanwhile are passed over."""
    # os.walk passes over folders that have gone, which Path.rglob does not.
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            try:
                yield path, path.stat().st_mode
            except FileNotFoundError:
                continue


def wait_until(condition: Callable[[], bool], timeout_s: float = 300) -> None:
    """Wait for what others do, for as long as the busiest machine may take."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def listening(pids: list[int]) -> set[tuple[str, int]]:
    """The addresses at which processes listen; IPv6's as they stand in /proc, but for those of IPv4 in them."""
    found = set()
    for own, _ in connections(pids, LISTENS):
        address, port = own.removeprefix(MAPPED).split(":")
        dotted = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
        found.add((dotted, int(port, 16)))
    return found


def clients_of(pid: int, port: int) -> set[int]:
    """The ports of the clients whose connections to a port a process still has open."""
    ends = (tuple(int(end.split(":")[1], 16) for end in both) for both in connections([pid], CONNECTED))
    return {theirs for own, theirs in ends if own == port}


def connections(pids: list[int], state: str) -> Iterator[tuple[str, str]]:
    """Both ends of the sockets in a state that processes have open, as they stand in /proc."""
    sockets = set()
    for pid in pids:
        # A process, or one file of it, may go meanwhile: what else it has open counts.
        try:
            names = os.listdir(PROC / str(pid) / "fd")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for name in names:
            try:
                sockets.add(os.readlink(PROC / str(pid) / "fd" / name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and f"socket:[{fields[9]}]" in sockets:
                yield fields[1], fields[2]
