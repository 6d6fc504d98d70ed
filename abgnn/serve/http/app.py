"""The ASGI application: routes, keys, errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from abgnn.serve.http.apis import APIS, Api
from abgnn.serve.http.body import received
from abgnn.serve.http.bug_log import BugLog
from abgnn.serve.http.key import KeyCheck
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.metrics import CONTENT_TYPE, Metrics
from abgnn.serve.http.offers import Offers
from abgnn.serve.http.page import page_routes
from abgnn.serve.http.places import OwnPlaces, Places
from abgnn.serve.http.question_handler import QuestionHandler
from abgnn.serve.http.reply import NO_RETRY, json_response, refused
from abgnn.serve.http.request import MODEL, ApiError
from abgnn.serve.http.sites import refuse_other_sites
from abgnn.serve.system import System

_Handler = Callable[[Request], Awaitable[Response]]
_ANY = ["GET", "POST", "DELETE"]


class Service:
    """A system behind HTTP.

    Args:
        system: answers; closed when the server stops.
        limits: of requests.
        key: the bearer token that clients must send; None: none is needed, and only requests that
            name this machine (127.0.0.1, localhost) are taken.
        places: count the questions under way, of other processes too where they share a limit.
    """

    path = "/v1"

    def __init__(
        self,
        system: System,
        limits: ServeLimits | None = None,
        key: str | None = None,
        places: Places | None = None,
    ) -> None:
        self.system, self.limits = system, limits or ServeLimits()
        self.metrics = Metrics(system.label)
        self.started = int(time.time())
        self._bugs = BugLog(llm.api_key_env for llm in system.deployment.mas.catalogue)
        self._questions = QuestionHandler(
            system, self.limits, self.metrics, places or OwnPlaces(), self._bugs
        )
        self._check_key = KeyCheck(key)

    @property
    def in_flight(self) -> int:
        """Questions under way."""
        return self._questions.in_flight

    def app(self) -> Starlette:
        """The application for any ASGI server."""
        body = partial(received, limits=self.limits)
        routes = [
            *(Route(api.path, self._answers(api), methods=["POST"]) for api in APIS),
            Route("/v1/responses/{rest:path}", self._guarded(self._not_stored), methods=_ANY),
            Route("/v1/models", self._guarded(self._models)),
            Route("/v1/models/{name}", self._guarded(self._models)),
            Route("/metrics", self._guarded(self._metrics)),
            Route("/healthz", self._health),
            *Offers(self.system, self.limits, body).routes(self._guarded),
            *page_routes(),
        ]
        made = Starlette(
            routes=routes,
            exception_handlers={HTTPException: self._no_such_page},
            lifespan=self._lifespan,
        )
        made.router.redirect_slashes = False
        return made

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(lambda: self.system.close(finish=False))

    def _answers(self, api: Api) -> _Handler:
        return self._guarded(partial(self._questions.answer, api))

    def _guarded(self, handle: _Handler) -> _Handler:
        """Turn exceptions into responses that disclose nothing about this machine."""

        async def endpoint(request: Request) -> Response:
            try:
                refuse_other_sites(request.headers, keyless=not self._check_key.needed)
                self._check_key(request.headers)
                response = await handle(request)
            except ApiError as refusal:
                response = refused(refusal)
            except ClientDisconnect:
                response = Response(status_code=400)  # the client is gone
            except Exception as wrong:  # details go to the log, not to the client
                response = refused(self._bugs(wrong, "request"), NO_RETRY)
            self.metrics.answered(response.status_code)
            return response

        return endpoint

    async def _models(self, request: Request) -> Response:
        model = {"id": MODEL, "object": "model", "created": self.started, "owned_by": "abgnn"}
        name = request.path_params.get("name")
        if name is None:
            return json_response({"object": "list", "data": [model]})
        if name != MODEL:
            raise ApiError(404, f"here the model is {MODEL!r}", "model_not_found", "model")
        return json_response(model)

    async def _not_stored(self, request: Request) -> Response:
        message = "responses are not stored: there is POST /v1/responses alone"
        raise ApiError(404, message, "unsupported", "response_id")

    async def _metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    async def _health(self, request: Request) -> Response:
        return json_response({"status": "ok", "calls_are": self.system.label})

    async def _no_such_page(self, request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, HTTPException)
        self.metrics.answered(wrong.status_code)
        posts = ", ".join(api.path for api in APIS)
        message = f"there is POST {posts}, GET /v1/models, /metrics, /healthz, and /"
        return refused(ApiError(wrong.status_code, message, "unknown_url"))
