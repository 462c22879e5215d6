"""One connection of `distune serve`: how long it may keep us waiting, and who goes when there is no room for another.

uvicorn bounds the time between two requests and nothing else: each byte that comes stops its clock, so that a client
which sends one now and then, or none at all, is kept for ever. The application above it is called when a header is
whole, and never learns of headers that stay incomplete. So this is a protocol of our own: uvicorn's, and a watch over
all connections once in a while, which costs a request nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from distune.tuning.serve.limits import Limits

WATCH_S = 0.25
"""Between two looks at all connections: limits of time are kept that much late."""
GRACE_S = 1.0
"""A connection that has kept us waiting no longer gives its place to nobody."""
LINGER_S = 5.0
"""How long the rest of a body that was refused is read and dropped, so that a client that still sends hears why."""


class Connection(H11Protocol):
    """A connection that knows what is awaited from its client, and since when. Requests find it in the state of their scope."""

    def __init__(self, limits: Limits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.app_state = {**self.app_state, "connection": self}
        self._limits = limits
        self._awaited: tuple[str, object] = ("a request", None)
        self.waits_since = self.loop.time()

    @property
    def is_gone(self) -> bool:
        """Whether there is nobody any more to answer to."""
        return self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections and not self._make_room():
            self.refuse(503, f"{self._limits.max_connections:,} connections are open: try again (--max-connections)")

    def _make_room(self) -> bool:
        """Close the connection that has kept us waiting longest: otherwise those that never ask would keep out those that do."""
        others: Any = self.connections - {self}
        waiting = [one for one in others if one.look() and self.loop.time() - one.waits_since >= GRACE_S]
        if not waiting:
            return False
        longest = min(waiting, key=lambda one: one.waits_since)
        self.connections.discard(longest)  # It goes in the next turn of the loop, and others may come in this one.
        longest.give_up()
        return True

    def look(self) -> str:
        """The part that the client still has to send, "" while the client waits for us; `waits_since` is the time of
        its beginning."""
        cycle, conn = self.cycle, self.conn
        is_answered = cycle is None or cycle.response_complete
        awaited = ""
        if self.transport.get_write_buffer_size():
            awaited = "to take its answer"
        elif self.transport.is_closing() or (cycle is not None and cycle.response_started and not is_answered):
            awaited = ""
        elif conn.their_state is h11.SEND_BODY:
            awaited = "the rest of a refused body" if is_answered else "a body"
        elif is_answered and conn.their_state is h11.IDLE:
            # Between two requests uvicorn's own clock runs, until the first byte.
            awaited = "a header" if conn.trailing_data[0] else "a request" if cycle is None else "another request"
        elif is_answered and conn.their_state is not h11.DONE:
            awaited = "the rest of a refused body"
        if (awaited, cycle) != self._awaited:
            is_header = awaited == "a header" and self._awaited == ("a request", None)
            self.waits_since = self.waits_since if is_header else self.loop.time()
            self._awaited = (awaited, cycle)
        return awaited

    def check(self) -> None:
        """Close the connection if its client has kept us waiting for too long."""
        limits = self._limits
        allowed_s = {
            "a request": limits.header_timeout_s,
            "a header": limits.header_timeout_s,
            "a body": limits.body_timeout_s,
            "to take its answer": limits.body_timeout_s,
            "the rest of a refused body": LINGER_S,
        }
        awaited = self.look()
        if awaited in allowed_s and self.loop.time() - self.waits_since > allowed_s[awaited]:
            self.give_up()

    def give_up(self) -> None:
        """Close the connection, with a reason if a request has begun."""
        awaited, limits = self._awaited[0], self._limits
        if awaited == "a header":
            self.refuse(
                408, f"the header of the request did not come in {limits.header_timeout_s:g} s (--header-timeout)"
            )
        elif awaited == "a body":
            self.refuse(408, f"the body of the request did not come in {limits.body_timeout_s:g} s (--body-timeout)")
        elif awaited == "to take its answer":
            self.transport.abort()  # A close would wait until it is taken.
        else:
            self.transport.close()

    def refuse(self, status: int, reason: str) -> None:
        """Answer what has not been answered, and close. The reader of the request sees that its client has gone."""
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_answer(status, reason))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """The answer to bytes that are no HTTP. uvicorn's own fails if a request was answered before the rest of it
        came."""
        self.refuse(400, "this is no HTTP request that is understood here")

    def shutdown(self) -> None:
        """Answer what has been asked and close. uvicorn's own would fail where h11 is past a close."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # uvicorn leaves the clock of a connection that was reset, which holds all of it until it runs out.
        self._unset_keepalive_if_required()


def _answer(status: int, reason: str) -> bytes:
    """A whole answer, for a connection without a request that h11 lets us answer."""
    body = json.dumps({"error": reason}).encode()
    again = "Retry-After: 1\r\n" if status == 503 else ""
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{again}Connection: close\r\n\r\n".encode() + body


async def watch(connections: Iterable[Any]) -> None:
    """Keep the limits of time until cancelled."""
    while True:
        await asyncio.sleep(WATCH_S)
        for connection in list(connections):
            connection.check()
