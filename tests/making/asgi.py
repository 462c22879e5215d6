"""A service that is asked with no server between."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

from starlette.types import ASGIApp


def asked(app: ASGIApp, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """The status, the body and the headers that a request without a body is answered by."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    fields = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": fields, "query_string": b""}
    asyncio.run(app(scope, mock.AsyncMock(), send))  # type: ignore[arg-type]
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], sent[1]["body"], told
