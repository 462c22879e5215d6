"""`distune serve`: what a checkpoint folder answers, over HTTP.

There is no authentication and no encryption here: beyond this machine a proxy that has them belongs in front.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from distune.corpora.encoding import load_encoder
from distune.models.predictor import Answer, Predictor, check_folder
from distune.tuning.serve.batching import Batcher, FullError, Limits

MAX_BODY_BYTES = 1 << 20
PATIENCE_S = 30
"""How long the end waits for answers that are still to be sent."""


class ServingError(ValueError):
    """Settings that cannot be served with; the message says why."""

    exit_code: ClassVar[int] = 2


def serve(folder: Path, host: str, port: int, threads: int, limits: Limits) -> None:
    """Answer until SIGTERM or Ctrl-C, which let what has been asked be answered first."""
    check_folder(folder)
    for name, value in (("--max-batch", limits.max_batch), ("--max-waiting", limits.max_waiting)):
        if value < 1:
            raise ServingError(f"{name} must be at least 1, but got {value}")
    if threads < 0:
        raise ServingError(f"--threads must be at least 0, but got {threads}")
    listener = _listen(host, port)
    encoder = load_encoder(folder)
    encoder.read_ahead()
    predictor = Predictor(folder, encoder, threads)
    config = uvicorn.Config(
        application(predictor, folder.resolve().name, limits),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,
    )
    # uvicorn hands the signal that ended it on when it is done: then there is nothing left to end.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    shown = f"[{host}]" if ":" in host else host
    print(f"{folder} answers at http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it)", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else "a port is a number from 0 to 65535"
        raise ServingError(f"cannot listen at {host}, port {port}: {reason.partition(' (')[0]}") from error
    # Connections inherit it. Without it an answer's second packet waits 40 ms for the client to confirm the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def application(predictor: Predictor, name: str, limits: Limits) -> Starlette:
    """The service: `/predict`, `/invocations` as `mlflow models serve` has it, and `/health`."""
    batcher = Batcher(lambda texts: list(predictor.answers(texts)), limits)

    async def ask(texts: list[str]) -> list[Answer]:
        if len(texts) > limits.max_waiting:
            raise HTTPException(
                413, f"{len(texts):,} texts are too many: send at most {limits.max_waiting:,} at a time"
            )
        try:
            return await batcher.ask(texts)
        except FullError:
            raise HTTPException(
                503, f"{batcher.n_waiting:,} texts wait already: try again", {"Retry-After": "1"}
            ) from None

    async def predict(request: Request) -> Response:
        return JSONResponse({"answers": await ask(texts_of(await _body(request)))})

    async def invocations(request: Request) -> Response:
        answers = await ask(texts_of_table(await _body(request)))
        return JSONResponse({"predictions": [_row(answer) for answer in answers]})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": name, "labels": predictor.labels, "waiting": batcher.n_waiting})

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/invocations", invocations, methods=["POST"]),
        Route("/health", health),
        Route("/ping", health),
    ]
    handlers: Any = {HTTPException: _refuse, ClientDisconnect: _nobody_there, Exception: _own_fault}
    return Starlette(routes=routes, lifespan=running, exception_handlers=handlers)


def _row(answer: Answer) -> dict[str, Any]:
    """An answer as a row of the table that the MLflow model gives."""
    probabilities = {f"probability_{label}": p for label, p in answer["probabilities"].items()}
    return {"label": answer["label"], **probabilities, "has_known_token": answer["has_known_token"]}


async def _refuse(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _nobody_there(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=400)


async def _own_fault(request: Request, error: Exception) -> Response:
    """What we did wrong stands in the log, and not in the answer."""
    return JSONResponse({"error": "the server failed; its log says why"}, 500)


async def _body(request: Request) -> Any:
    """The JSON value of a request."""
    body, n_bytes = bytearray(), 0
    async for chunk in request.stream():
        n_bytes += len(chunk)
        if n_bytes <= MAX_BODY_BYTES:
            body += chunk
        elif n_bytes > 16 * MAX_BODY_BYTES:  # Up to here it is read and dropped, so that the client hears why.
            break
    if n_bytes > MAX_BODY_BYTES:
        raise HTTPException(413, f"the body is too large: send at most {MAX_BODY_BYTES:,} bytes at a time")
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HTTPException(400, f"the body is not JSON in UTF-8: {reason}") from None


def texts_of(value: Any) -> list[str]:
    """The texts of a body `{"texts": [...]}`. Raises HTTPException for any other."""
    if not isinstance(value, dict) or set(value) != {"texts"} or not isinstance(value["texts"], list):
        raise HTTPException(400, 'the body must be {"texts": ["...", ...]}')
    return _checked(value["texts"])


def texts_of_table(value: Any) -> list[str]:
    """The column `text` of a table in either of MLflow's two forms. Raises HTTPException for any other body."""
    match value:
        case {"dataframe_records": [*rows]}:
            return _checked([row.get("text") if isinstance(row, dict) else None for row in rows])
        case {"dataframe_split": {"columns": [*columns], "data": [*rows]}} if "text" in columns:
            place = columns.index("text")
            fitting = [isinstance(row, list) and len(row) == len(columns) for row in rows]
            return _checked([row[place] if fits else None for row, fits in zip(rows, fitting, strict=True)])
    raise HTTPException(
        400,
        'the body must be {"dataframe_records": [{"text": "..."}, ...]} or '
        '{"dataframe_split": {"columns": ["text"], "data": [["..."], ...]}}',
    )


def _checked(texts: Sequence[Any]) -> list[str]:
    if not texts:
        raise HTTPException(400, "there are no texts in the body")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise HTTPException(400, f"text {i} must be a string, but got {json.dumps(text)[:40]}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise HTTPException(400, f"text {i} holds half of a surrogate pair, which is no character") from None
    return list(texts)
