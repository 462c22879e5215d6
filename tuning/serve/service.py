"""The requests that `distune serve` answers: texts in, answers out, and whether it is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from distune._plural import n_of
from distune.models.answers import AnyAnswer, Text, abstaining
from distune.models.predictor import Predictor
from distune.tuning.serve.batching import Batcher, FullError, GoneError
from distune.tuning.serve.connections import Connection
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.reading import AGAIN, Bodies, abstain_below_of, texts_of, texts_of_table


def application(
    predictor: Predictor,
    name: str,
    limits: Limits,
    is_ending: Callable[[], bool] = lambda: False,
    abstain_below: float | None = None,
) -> Starlette:
    """The service: `/predict`, `/invocations` as `mlflow models serve` has it, `/health` and `/ready`.

    With `abstain_below`, answers to requests that do not say it themselves say whether they `abstained`.
    """
    service = _Service(
        predictor=predictor,
        name=name,
        limits=limits,
        is_ending=is_ending,
        abstain_below=abstain_below,
        batcher=Batcher(lambda texts: list(predictor.answers(texts)), limits),
        bodies=Bodies(limits),
    )
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/invocations", service.invocations, methods=["POST"]),
        Route("/health", service.health),
        Route("/ping", service.health),
        Route("/ready", service.ready),
    ]
    handlers: Any = {
        HTTPException: _refuse,
        ClientDisconnect: _nobody_there,
        GoneError: _nobody_there,
        Exception: _own_fault,
    }
    app = Starlette(routes=routes, lifespan=service.running, exception_handlers=handlers)
    app.router.redirect_slashes = False  # It would send clients to whatever host they named.
    return app


@dataclass(frozen=True, kw_only=True)
class _Service:
    """One model and those who wait for it; each method answers one kind of request."""

    predictor: Predictor
    name: str
    limits: Limits
    is_ending: Callable[[], bool]
    abstain_below: float | None
    batcher: Batcher
    bodies: Bodies

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(self.batcher.run())
        yield
        task.cancel()

    async def predict(self, request: Request) -> Response:
        return JSONResponse({"answers": await self._answers(request, texts_of)})

    async def invocations(self, request: Request) -> Response:
        return JSONResponse({"predictions": [_row(answer) for answer in await self._answers(request, texts_of_table)]})

    async def health(self, request: Request) -> Response:
        labels, n_waiting = self.predictor.labels, self.batcher.n_waiting
        return JSONResponse({"status": "ok", "model": self.name, "labels": labels, "waiting": n_waiting})

    async def ready(self, request: Request) -> Response:
        if self.is_ending():
            raise HTTPException(503, "the server is ending")
        if self.batcher.is_full:
            raise HTTPException(503, f"{self._waiting} already", AGAIN)
        return JSONResponse({"status": "ready", "waiting": self.batcher.n_waiting})

    async def _answers(self, request: Request, texts_in: Callable[[Any, Limits, bool], list[Text]]) -> list[AnyAnswer]:
        connection: Connection = request.scope["state"]["connection"]
        below = abstain_below_of(request, self.abstain_below)
        with self.bodies.room(connection) as body:
            texts = texts_in(await self.bodies.value(request, body), self.limits, self.predictor.is_of_pairs)
            try:
                found = await self.batcher.ask(texts, lambda: connection.is_gone)
                return found if below is None else [abstaining(answer, below) for answer in found]
            except FullError:
                raise HTTPException(503, f"{self._waiting} already: try again", AGAIN) from None

    @property
    def _waiting(self) -> str:
        return n_of(self.batcher.n_waiting, "text waits", "texts wait")


def _row(answer: AnyAnswer) -> dict[str, Any]:
    """An answer as a row of the table that the MLflow model gives."""
    row: dict[str, Any] = {}
    for name, value in answer.items():
        row |= {f"probability_{label}": p for label, p in value.items()} if isinstance(value, dict) else {name: value}
    return row


async def _refuse(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _nobody_there(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _own_fault(request: Request, error: Exception) -> Response:
    """The log has our own error, and the answer does not."""
    return JSONResponse({"error": "the server failed; its log says why"}, 500)
