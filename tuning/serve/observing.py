"""Each request is counted, has an id, and is logged if wanted."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distune.tuning.serve.metrics import Metrics

ACCESS = "distune.access"
"""The logger of requests: one JSON object each."""
REQUEST_ID = "X-Request-ID"
VALID_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""An id that a client may give; another one could break the lines of a log."""
_log = logging.getLogger(ACCESS)


class Observed:
    """A service whose requests are counted by their route and status. Each answer has the id of its request.

    The id is the client's `X-Request-ID`, or a new one.
    """

    def __init__(self, app: ASGIApp, counts: Metrics) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status = time.perf_counter(), 0
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if VALID_ID.fullmatch(given) else uuid.uuid4().hex

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("endpoint"), "__name__", "other")
            self._counts.count_request(route, status, seconds)
            if _log.isEnabledFor(logging.INFO):
                _log.info(_line(scope, request_id, route, status, seconds))


def _line(scope: Scope, request_id: str, route: str, status: int, seconds: float) -> str:
    client = scope.get("client")
    return json.dumps(
        {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": request_id,
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"][:200],
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 3),
        },
        ensure_ascii=False,
    )


def log_requests() -> None:
    """Write a line for each request to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False
