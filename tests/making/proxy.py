"""A door before a server on loopback. While it is shut, who knocks is refused, and connections are cut; while it is mute, it takes
all that is sent, and answers nothing more or half of something."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from distune.cluster.programs import HOST, free_ports

REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /\S* HTTP/1\.1\r\n")


class Door:
    """Passes connections on from a port of its own to that of the server, while it is open."""

    def __init__(self, behind: int) -> None:
        (self.port,) = free_ports([0])
        self._behind = behind
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._counting = threading.Lock()
        self.left: int | None = None
        """How many requests it still answers before it falls mute; it never does without a number."""
        self._by_half = False
        self.open()

    def open(self) -> None:
        self.left = None
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener is not None:
            _end(self._listener)
            self._listener.close()
        self._listener = None
        self.cut()

    def cut(self) -> None:
        """End all connections; new ones are taken where the door is not shut."""
        for one in self._sockets:
            _end(one)
            one.close()
        self._sockets = set()

    def fall_mute(self, after: int = 0, by_half: bool = False) -> None:
        """Answer so many requests more and then none; `by_half` sends the first bytes of each answer of a content."""
        self._by_half, self.left = by_half, after

    @property
    def is_mute(self) -> bool:
        """Whether all requests that it was to answer have been made."""
        return self.left is not None and self.left < 0

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # It is shut.
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, self._behind))
                self._sockets |= {client, server}
                for passing, ends in ((self._ask, (client, server)), (self._answer, (server, client))):
                    threading.Thread(target=passing, args=ends, daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(65_536):
                with self._counting:
                    if self.left is not None and REQUEST.match(piece):
                        self.left -= 1
                if not self.is_mute or self._by_half:
                    server.sendall(piece)
        _end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(65_536):
                if not self.is_mute:
                    client.sendall(piece)
                elif self._by_half:
                    client.sendall(_first_half(piece))
                    while server.recv(65_536):
                        pass
        if not self.is_mute:
            _end(server, client)


def _first_half(answer: bytes) -> bytes:
    """The head of an answer and half of what follows it; half of a head that nothing follows."""
    head, mark, content = answer.partition(b"\r\n\r\n")
    return head + mark + content[: len(content) // 2] if content else head[: len(head) // 2]


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def door(behind: int) -> Iterator[Door]:
    """An open door before the server at a port; it is shut in the end."""
    made = Door(behind)
    try:
        yield made
    finally:
        made.shut()
