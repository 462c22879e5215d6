"""The requests that `distune serve` answers: texts in, answers out, and whether it is well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from distune._plural import n_of
from distune.models.answers import AnyAnswer, Text, abstaining
from distune.tuning.serve.batching import FullError, GoneError
from distune.tuning.serve.connections import Connection
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.reading import AGAIN, Bodies, abstain_below_of, texts_of, texts_of_table
from distune.tuning.serve.serving import Followed, ServedModel, Serving
from distune.tuning.serve.tensors import describe, tensors_of, texts_of_tensors


def application(
    serving: Serving,
    limits: Limits,
    is_ending: Callable[[], bool] = lambda: False,
    abstain_below: float | None = None,
    followed: Followed | None = None,
) -> Starlette:
    """The service: `/predict`, `/invocations` as `mlflow models serve` has it, `/v2/...` of the Open Inference Protocol,
    `/health`, `/ready` and `/metrics`.

    With `abstain_below`, answers to requests that do not say it themselves say whether they `abstained`. With `followed`, the versions
    that come take the place of the present one.
    """
    service = _Service(
        serving=serving,
        limits=limits,
        is_ending=is_ending,
        abstain_below=abstain_below,
        bodies=Bodies(limits),
        followed=followed,
    )
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/invocations", service.invocations, methods=["POST"]),
        Route("/health", service.health),
        Route("/ping", service.health),
        Route("/ready", service.ready),
        Route("/metrics", service.metrics),
        Route("/v2", service.describe_server),
        Route("/v2/health/live", service.live),
        Route("/v2/health/ready", service.server_ready),
        Route("/v2/models/{model}", service.describe_model),
        Route("/v2/models/{model}/ready", service.model_ready),
        Route("/v2/models/{model}/infer", service.infer, methods=["POST"]),
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
    """The present model and those who ask it; each method answers one kind of request."""

    serving: Serving
    limits: Limits
    is_ending: Callable[[], bool]
    abstain_below: float | None
    bodies: Bodies
    followed: Followed | None

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        async with self.serving.running(), nullcontext() if self.followed is None else self.followed.running():
            yield

    async def predict(self, request: Request) -> Response:
        answers, _ = await self._answers(request, texts_of)
        return JSONResponse({"answers": answers})

    async def invocations(self, request: Request) -> Response:
        answers, _ = await self._answers(request, texts_of_table)
        return JSONResponse({"predictions": list(map(_row, answers))})

    async def health(self, request: Request) -> Response:
        model = self.serving.current
        about = {} if model.version is None else {"version": model.version}
        labels, n_waiting = model.predictor.labels, self.serving.n_waiting
        return JSONResponse({"status": "ok", "model": model.name, **about, "labels": labels, "waiting": n_waiting})

    async def ready(self, request: Request) -> Response:
        if self.is_ending():
            raise HTTPException(503, "the server is ending")
        if self.serving.current.batcher.is_full:
            raise HTTPException(503, f"{self._waiting} already", AGAIN)
        return JSONResponse({"status": "ready", "waiting": self.serving.n_waiting})

    async def metrics(self, request: Request) -> Response:
        content, media_type = self.serving.counts.shown()
        return Response(content, media_type=media_type)

    async def live(self, request: Request) -> Response:
        return JSONResponse({"live": True})

    async def server_ready(self, request: Request) -> Response:
        await self.ready(request)
        return JSONResponse({"ready": True})

    async def describe_server(self, request: Request) -> Response:
        return JSONResponse({"name": "distune", "version": version("distune"), "extensions": []})

    async def describe_model(self, request: Request) -> Response:
        model = self._model(request)
        of, about = model.predictor, {} if model.version is None else {"versions": [model.version]}
        return JSONResponse(describe(model.name, of.is_of_pairs, of.is_multi_label, len(of.labels)) | about)

    async def model_ready(self, request: Request) -> Response:
        model = self._model(request)
        await self.ready(request)
        return JSONResponse({"name": model.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        self._model(request)
        if "inference-header-content-length" in request.headers:
            raise HTTPException(415, "binary tensors are not taken: send their data as JSON (binary_data=False)")
        body: dict[str, Any] = {}

        def texts_in(value: Any, limits: Limits, of_pairs: bool) -> list[Text]:
            texts = texts_of_tensors(value, limits, of_pairs)
            body.update({name: value[name] for name in ("id", "outputs") if name in value})
            return texts

        answers, model = await self._answers(request, texts_in)
        outputs = tensors_of(answers, model.predictor.labels, body.get("outputs"))
        about = {"id": body["id"]} if "id" in body else {}
        version = {} if model.version is None else {"model_version": model.version}
        return JSONResponse({"model_name": model.name, **version, **about, "outputs": outputs})

    def _model(self, request: Request) -> ServedModel:
        """The present model, if the path names it."""
        model = self.serving.current
        if (asked := request.path_params["model"]) != model.name:
            raise HTTPException(404, f"there is no model {asked[:100]!r} here: it is {model.name!r}")
        return model

    async def _answers(
        self, request: Request, texts_in: Callable[[Any, Limits, bool], list[Text]]
    ) -> tuple[list[AnyAnswer], ServedModel]:
        """The answers to the texts of a request, and the model that has given all of them."""
        connection: Connection = request.scope["state"]["connection"]
        below, model = abstain_below_of(request, self.abstain_below), self.serving.current
        with self.bodies.room(connection) as body, model.used():
            texts = texts_in(await self.bodies.value(request, body), self.limits, model.predictor.is_of_pairs)
            try:
                found = await model.batcher.ask(texts, lambda: connection.is_gone)
            except FullError:
                raise HTTPException(503, f"{self._waiting} already: try again", AGAIN) from None
        answers = found if below is None else [abstaining(answer, below) for answer in found]
        self.serving.counts.count_answers(answers)
        return answers, model

    @property
    def _waiting(self) -> str:
        return n_of(self.serving.n_waiting, "text waits", "texts wait")


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
