"""The ASGI application: routes over a :class:`~tellapart.server.service.Service`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tellapart.reports.classify_page import served_page
from tellapart.server.access_control import Access, Guard
from tellapart.server.open_inference import HEADER_LENGTH, infer_response, model_metadata, parse_infer, server_metadata
from tellapart.server.openapi import openapi
from tellapart.server.prometheus import metrics_text
from tellapart.server.request_images import check_number, request_images
from tellapart.server.served_models import Answer, NamedImage
from tellapart.server.service import Service

RELOAD_EVERY_S = 2.0


def make_app(service: Service, access: Access) -> Starlette:
    """The application.

    Args:
        service: what answers.
        access: who may ask.
    """
    routes = _Routes(service, access)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.watch(RELOAD_EVERY_S))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            service.close()

    return Starlette(
        routes=routes.all(),
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={HTTPException: routes.refused, Exception: routes.failed},
        lifespan=lifespan,
    )


class _Routes:
    """A method for each route."""

    def __init__(self, service: Service, access: Access) -> None:
        self.service, self.access = service, access

    def all(self) -> list[Route]:
        return [
            Route("/", self.home),
            Route("/predict", self.predict, methods=["POST"]),
            Route("/status", self.status),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2/models/{name}", self.model),
            Route("/v2/models/{name}/ready", self.model_ready),
            Route("/v2/models/{name}/infer", self.infer, methods=["POST"]),
        ]

    async def home(self, request: Request) -> Response:
        model = self.service.model(request.query_params.get("run"))
        page = served_page(model.name, model.class_names, list(self.service.models), needs_key=self.access.key is not None)
        return self._counted("/", HTMLResponse(page))

    async def predict(self, request: Request) -> Response:
        top = _top(request)

        async def read() -> list[NamedImage]:
            return await request_images(request, self.service.limits)

        answered = await self.service.answer(request.query_params.get("run"), read)
        if all(answer.probabilities is None for answer in answered.answers):
            raise HTTPException(422, "; ".join(f"{answer.name}: {answer.reason}" for answer in answered.answers[:5]))
        images = [_answer_json(answer, answered.class_names, top) for answer in answered.answers]
        content = {"run": answered.run, "images": images}
        return self._counted("/predict", JSONResponse(content))

    async def infer(self, request: Request) -> Response:
        content: dict[str, Any] = {}

        async def read() -> list[NamedImage]:
            parsed, images = parse_infer(await request.body(), request.headers.get(HEADER_LENGTH))
            check_number(len(images), self.service.limits)
            content.update(parsed)
            return images

        answered = await self.service.answer(request.path_params["name"], read)
        return self._counted("/v2/infer", JSONResponse(infer_response(content, answered)))

    async def status(self, request: Request) -> Response:
        limits = self.service.limits
        models = [
            {"name": m.name, "engine": m.engine.kind, "class_names": list(m.class_names), "drift": m.drift.as_dict()}
            for m in self.service.models.values()
        ]
        content = {
            "models": models,
            "inside": self.service.admission.inside,
            "workers": self.service.num_workers,
            "limits": {"queue": limits.queue, "deadline_s": limits.deadline_s, "body_bytes": limits.body_bytes, "images": limits.images},
        }
        return self._counted("/status", JSONResponse(content))

    async def metrics(self, request: Request) -> Response:
        return self._counted("/metrics", PlainTextResponse(metrics_text(self.service), media_type="text/plain; version=0.0.4"))

    async def openapi(self, request: Request) -> Response:
        content = openapi(self.service.limits, list(self.service.models), has_key=self.access.key is not None)
        return self._counted("/openapi.json", JSONResponse(content))

    async def server(self, request: Request) -> Response:
        return self._counted("/v2", JSONResponse(server_metadata()))

    async def live(self, request: Request) -> Response:
        return self._counted("/v2/health", JSONResponse({"live": True}))

    async def ready(self, request: Request) -> Response:
        return self._counted("/v2/health", JSONResponse({"ready": True}))

    async def model(self, request: Request) -> Response:
        return self._counted("/v2/models", JSONResponse(model_metadata(self.service.model(request.path_params["name"]))))

    async def model_ready(self, request: Request) -> Response:
        model = self.service.model(request.path_params["name"])
        return self._counted("/v2/models", JSONResponse({"name": model.name, "ready": True}))

    async def refused(self, request: Request, error: Exception) -> Response:
        """A :class:`TellapartError` as JSON, with its message."""
        status, detail = (error.status_code, str(error.detail)) if isinstance(error, HTTPException) else (500, "")
        headers = dict(getattr(error, "headers", None) or {})
        if status in (408, 413):
            headers["Connection"] = "close"  # what is left of the body is not read
        return self._counted(_route_name(request), JSONResponse({"error": detail}, status, headers))

    async def failed(self, request: Request, error: Exception) -> Response:
        """A bug; the traceback is in the log, not in the answer."""
        return self._counted(_route_name(request), JSONResponse({"error": "the service failed; its log says why"}, 500))

    def _counted(self, route: str, response: Response) -> Response:
        self.service.counts.requests[route, response.status_code] += 1
        return response


def _route_name(request: Request) -> str:
    """The route of a request, without names that a stranger chose: they would grow the counters without end."""
    path = request.url.path
    known: Sequence[str] = ("/predict", "/status", "/metrics", "/openapi.json")
    if path in known:
        return path
    return "/v2" if path.startswith("/v2") else "other"


def _top(request: Request) -> int | None:
    text = request.query_params.get("top")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 1000):
        raise HTTPException(400, "top has to be a whole number from 1 to 1000")
    return int(text)


def _answer_json(answer: Answer, names: Sequence[str], top: int | None) -> dict[str, Any]:
    if answer.probabilities is None:
        nothing = dict.fromkeys(("predicted", "probability", "probabilities", "familiarity"))
        return {"name": answer.name, **nothing, "reason": answer.reason}
    order = np.argsort(-answer.probabilities, kind="stable")[:top]
    return {
        "name": answer.name,
        "predicted": answer.predicted,
        "probability": float(answer.probabilities[order[0]]),
        "probabilities": {names[int(index)]: float(answer.probabilities[index]) for index in order},
        "familiarity": answer.familiarity,
        "reason": None,
    }
