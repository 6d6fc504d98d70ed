"""The ASGI application: routes, keys, limits, plain and streamed answers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from abgnn.data.plan import Plan
from abgnn.serve.engine import Answering, Event
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.metrics import CONTENT_TYPE, Metrics
from abgnn.serve.http.offers import Offers, refuse_other_sites
from abgnn.serve.http.page import page_routes
from abgnn.serve.http.places import OwnPlaces, Places
from abgnn.serve.http.request import (
    MODEL,
    ApiError,
    ChatRequest,
    chat_request,
)
from abgnn.serve.http.response import (
    NO_RETRY,
    ChatResponse,
    error,
    status,
)
from abgnn.serve.http.streaming import (
    Over,
    Stream,
    events,
    result_of,
)
from abgnn.serve.system import System

_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


class Service:
    """A system behind HTTP.

    Args:
        system: answers; closed when the server stops.
        limits: of requests.
        key: the bearer token that clients must send; None: none is needed.
        places: count the questions under way, of other processes too where they share a limit.
    """

    def __init__(
        self,
        system: System,
        limits: ServeLimits | None = None,
        key: str | None = None,
        places: Places | None = None,
    ) -> None:
        self.system, self.limits = system, limits or ServeLimits()
        self.places = places or OwnPlaces()
        self.metrics = Metrics(system.label)
        self.started = int(time.time())
        self.in_flight = 0
        self._key = None if key is None else _digest(key)

    def app(self) -> Starlette:
        """The application for any ASGI server."""
        routes = [
            Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
            Route("/v1/models", self._guarded(self._models)),
            Route("/v1/models/{name}", self._guarded(self._models)),
            Route("/metrics", self._guarded(self._metrics)),
            Route("/healthz", self._health),
            *Offers(self.system, self.limits, self._body).routes(self._guarded),
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

    def _guarded(self, handle: _Handler) -> _Handler:
        """Turn exceptions into responses that disclose nothing about this machine."""

        async def endpoint(request: Request) -> Response:
            try:
                refuse_other_sites(request)
                self._authorise(request)
                response = await handle(request)
            except ApiError as refusal:
                response = _refused(refusal)
            except ClientDisconnect:
                response = Response(status_code=400)  # the client is gone
            except Exception:  # details go to the log, not to the client
                _log.exception("a request failed")
                message = "the server could not handle this request"
                ours = ApiError(500, message, "internal", type_="server_error")
                response = _refused(ours, NO_RETRY)
            self.metrics.answered(response.status_code)
            return response

        return endpoint

    def _authorise(self, request: Request) -> None:
        if self._key is None:
            return
        shown = request.headers.getlist("authorization")
        scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        right = hmac.compare_digest(_digest(token.strip()), self._key)
        if scheme.lower() != "bearer" or not right:
            raise ApiError(401, "the API key is missing or wrong", "invalid_api_key")

    async def _chat(self, request: Request) -> Response:
        body = await self._body(request)
        chat = chat_request(body, request.headers.getlist, self.limits)
        chat = replace(chat, query=replace(chat.query, domain=self.system.deployment.mas.domain))
        answer = ChatResponse(chat, self.system.label)
        return await (self._streamed if chat.stream else self._plain)(request, chat, answer)

    async def _body(self, request: Request) -> bytes:
        most, length = self.limits.body_bytes, request.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:20]) > most:
            self._too_large()
        try:
            return await asyncio.wait_for(self._received(request), self.limits.receive_s)
        except asyncio.TimeoutError:
            message = f"the body did not arrive within {self.limits.receive_s:g} s"
            raise ApiError(408, message, "request_timeout") from None

    async def _received(self, request: Request) -> bytes:
        received = bytearray()
        async for part in request.stream():
            received += part
            if len(received) > self.limits.body_bytes:
                self._too_large()
        return bytes(received)

    def _too_large(self) -> NoReturn:
        message = f"the body is larger than {self.limits.body_bytes} bytes"
        raise ApiError(413, message, "request_too_large")

    def _begin(
        self, chat: ChatRequest, on_event: Callable[[Event], None] | None = None
    ) -> tuple[Answering, Over]:
        """Start a question; it counts as under way until its outcome, even if the client leaves.

        Whoever wants events wants pieces of the answer, too.
        """
        budget = chat.budget
        if not self.places.enter(self.limits.concurrent):
            message = f"{self.limits.concurrent} questions are under way; try again later"
            raise ApiError(429, message, "rate_limit_exceeded", type_="rate_limit_error")
        try:
            answering = self.system.start(
                chat.query,
                on_event,
                cost_usd=budget.cost_usd,
                latency_s=budget.latency_s,
                parts=on_event is not None,
                headers=chat.headers,
            )
        except BaseException as wrong:
            self.places.leave()
            if not isinstance(wrong, RuntimeError):
                raise
            raise ApiError(503, "the server is stopping", "stopping", type_="api_error") from None
        self.in_flight += 1
        self.metrics.in_flight.inc()
        over = asyncio.wrap_future(answering.outcome)
        over.add_done_callback(self._over)
        return answering, over

    def _over(self, over: Over) -> None:
        self.in_flight -= 1
        self.places.leave()
        self.metrics.in_flight.dec()
        if over.exception() is None:
            self.metrics.outcome(over.result())

    async def _plain(self, request: Request, chat: ChatRequest, answer: ChatResponse) -> Response:
        answering, over = self._begin(chat)
        gone: asyncio.Future[None] = asyncio.ensure_future(_disconnected(request))
        waited: set[asyncio.Future[Any]] = {over, gone}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            answering.stop.set()
        if not over.done():
            self.metrics.abandoned()
            raise ClientDisconnect
        outcome = result_of(over)
        if outcome.error is not None:
            _log.warning("no answer: %s", outcome.error)
            return _json(answer.error(outcome), status(outcome), NO_RETRY)
        return _json(answer.completion(outcome))

    async def _streamed(
        self, request: Request, chat: ChatRequest, answer: ChatResponse
    ) -> Response:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | Over]()

        def on_event(event: Event) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(queue.put_nowait, event)

        answering, over = self._begin(chat, on_event)
        over.add_done_callback(queue.put_nowait)
        try:
            first = await queue.get()
            if not isinstance(first, Plan):
                result_of(over)  # raises: there is no plan
            assert isinstance(first, Plan), "a plan comes before calls"
        except BaseException:
            answering.stop.set()
            raise
        sent = events(first, queue, answer, self.metrics)
        return Stream(sent, answering.stop, over, self.metrics)

    async def _models(self, request: Request) -> Response:
        model = {"id": MODEL, "object": "model", "created": self.started, "owned_by": "abgnn"}
        name = request.path_params.get("name")
        if name is None:
            return _json({"object": "list", "data": [model]})
        if name != MODEL:
            raise ApiError(404, f"here the model is {MODEL!r}", "model_not_found", "model")
        return _json(model)

    async def _metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    async def _health(self, request: Request) -> Response:
        return _json({"status": "ok", "calls_are": self.system.label})

    async def _no_such_page(self, request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, HTTPException)
        self.metrics.answered(wrong.status_code)
        message = "there is POST /v1/chat/completions, GET /v1/models, /metrics, /healthz, and /"
        return _refused(ApiError(wrong.status_code, message, "unknown_url"))


async def _disconnected(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refused(refusal: ApiError, headers: dict[str, str] | None = None) -> Response:
    more = {"retry-after": "1"} if refusal.status == 429 else {}
    return _json(error(refusal), refusal.status, {**more, **(headers or {})})


def _json(data: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response in ASCII, since an LLM's text need not be valid Unicode."""
    body = json.dumps(data, separators=(",", ":")).encode()
    return Response(body, code, headers, media_type="application/json")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
