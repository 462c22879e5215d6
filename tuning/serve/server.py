"""`distune serve`: what a checkpoint folder answers, over HTTP.

There is no authentication and no encryption here: beyond this machine a proxy that has them belongs in front.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from distune.models.checkpoint_folder import check_folder
from distune.models.network import MAX_THREADS
from distune.tuning.serve.access import Access, guarded
from distune.tuning.serve.connections import Connection, watch
from distune.tuning.serve.limits import Limits, ServingError, allow_files, check_limits
from distune.tuning.serve.observing import Observed
from distune.tuning.serve.service import application
from distune.tuning.serve.serving import Followed, Serving, ready_predictor
from distune.tuning.serve.versions import Versions

PATIENCE_S = 30
"""How long the end waits for answers that are still to be sent."""


def serve(
    source: Path | Versions, port: int, threads: int, limits: Limits, access: Access, abstain_below: float | None = None
) -> None:
    """Answer by a checkpoint folder, or by the versions that come, until SIGTERM or Ctrl-C, which let what has been asked be
    answered first."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if isinstance(source, Path):
        check_folder(source)
    check_limits(limits)
    if not 0 <= threads <= MAX_THREADS:
        raise ServingError(f"--threads must be from 0 to {MAX_THREADS}, but got {threads}")
    allow_files(limits.max_connections)
    listener = _bind(access.address, port)
    serving, followed = _begun(source, threads, limits)
    service = application(serving, limits, lambda: server.should_exit, abstain_below, followed)
    app = Observed(guarded(service, access), serving.counts)
    who = str(source) if isinstance(source, Path) else f"{source.name} version {serving.current.version}"
    server = _Server(app, limits, listener, f"{who} answers at http://{_shown(access.address)}")
    # uvicorn hands the signal that ended it on when it is done; and one that comes before it begins must not be lost.
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run(sockets=[listener])


def _begun(source: Path | Versions, threads: int, limits: Limits) -> tuple[Serving, Followed | None]:
    """The model that answers first, and what brings others."""
    if isinstance(source, Path):
        return Serving(source.resolve().name, ready_predictor(source, threads), limits), None
    try:
        offer = source.first()
        serving = Serving(source.name, ready_predictor(offer.folder, threads), limits, offer.version)
    except BaseException:  # Ctrl-C too leaves no process that fetches.
        source.close()
        raise
    return serving, Followed(serving, source, threads, offer)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that has its address and does not listen yet: until the model is there, nobody's request is taken."""
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        # Of a server that has just ended, connections may still linger at this port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise _cannot_listen(host, port, error) from error
    # Connections inherit it. Without it an answer's second packet waits 40 ms for the client to confirm the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _cannot_listen(host: str, port: int, error: Exception) -> ServingError:
    reason = str(error.strerror) if isinstance(error, OSError) else "a port is a number from 0 to 65535"
    return ServingError(f"cannot listen at {host}, port {port}: {reason.partition(' (')[0]}")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """uvicorn's, which says that it listens once it does, watches its connections, and lets none hold up the end."""

    def __init__(self, app: ASGIApp, limits: Limits, listener: socket.socket, greeting: str) -> None:
        protocol: Any = partial(Connection, limits)
        config = uvicorn.Config(
            app,
            # One way to speak HTTP, whatever else is installed: h11's, with the limits of `connections.py`.
            http=protocol,
            loop="asyncio",
            ws="none",
            proxy_headers=False,
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            server_header=False,
            timeout_keep_alive=limits.idle_timeout_s,  # type: ignore[arg-type]  # It is handed to the loop, which takes any number.
            timeout_graceful_shutdown=PATIENCE_S + 10,
        )
        super().__init__(config)
        self._listener, self._greeting = listener, greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        host, port = self._listener.getsockname()[:2]
        try:
            await super().startup(sockets)
        except OSError as error:  # Another has begun to listen there since it was bound.
            raise _cannot_listen(host, port, error) from error
        self._watching = asyncio.create_task(watch(self.server_state.connections))
        print(f"{self._greeting}:{port} (Ctrl-C ends it)", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would cancel what is left, which it tells as a failure of ours.
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._refuse_rest)
        await super().shutdown(sockets)
        patience.cancel()
        self._watching.cancel()

    def _refuse_rest(self) -> None:
        connections: Any = self.server_state.connections
        for connection in list(connections):
            connection.refuse(503, "the server has ended")
            connection.transport.abort()
