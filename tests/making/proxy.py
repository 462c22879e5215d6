"""A door before a server on loopback that can be shut for a while: who knocks then is refused, and connections are cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from distune.cluster.programs import HOST, free_ports


class Door:
    """Passes connections on from a port of its own to that of the server, while it is open."""

    def __init__(self, behind: int) -> None:
        (self.port,) = free_ports([0])
        self._behind = behind
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server((HOST, self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        for one in (self._listener, *self._sockets):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._listener, self._sockets = None, set()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # It is shut.
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, self._behind))
                self._sockets |= {client, server}
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := one.recv(65_536):
            other.sendall(piece)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def door(behind: int) -> Iterator[Door]:
    """An open door before the server at a port; it is shut in the end."""
    made = Door(behind)
    try:
        yield made
    finally:
        made.shut()
