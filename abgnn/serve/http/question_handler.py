"""`QuestionHandler`: from a request to its answer, whole or streamed; counts what is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from abgnn.data.plan import Plan
from abgnn.errors import ClosedError
from abgnn.serve.engine import Answering, Event
from abgnn.serve.http.apis import Api
from abgnn.serve.http.body import received
from abgnn.serve.http.bug_log import BugLog
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.metrics import Metrics
from abgnn.serve.http.places import Places
from abgnn.serve.http.reply import NO_RETRY, Reply, failure, json_response
from abgnn.serve.http.request import AnswerRequest, ApiError, stopping
from abgnn.serve.http.streaming import Over, Stream, events, result_of
from abgnn.serve.system import System

_log = logging.getLogger(__name__)


class QuestionHandler:
    """Answers the questions of every API alike.

    Args:
        system: answers.
        limits: of requests.
        metrics: count outcomes and clients that left.
        places: count the questions under way.
        bugs: log what nobody foresaw.
    """

    def __init__(
        self, system: System, limits: ServeLimits, metrics: Metrics, places: Places, bugs: BugLog
    ) -> None:
        self.system, self.limits = system, limits
        self.metrics, self.places, self.bugs = metrics, places, bugs
        self.in_flight = 0

    async def answer(self, api: Api, http: Request) -> Response:
        """The response to a request.

        Raises:
            ApiError: it is refused.
        """
        body = await received(http, self.limits)
        asked = api.read(body, http.headers.getlist, self.limits)
        domain = self.system.deployment.mas.domain
        query, budget = replace(asked.query, domain=domain), asked.budget.over(self.system.budget)
        asked = replace(asked, query=query, budget=budget)
        reply = api.reply(asked, self.system.label)
        return await (self._streamed(reply) if asked.stream else self._whole(http, reply))

    def _begin(
        self, asked: AnswerRequest, on_event: Callable[[Event], None] | None = None
    ) -> tuple[Answering, Over]:
        """Start a question; it counts as under way until its outcome, even if the client leaves.

        Whoever wants events wants pieces of the answer, too.
        """
        budget = asked.budget
        if not self.places.enter(self.limits.concurrent):
            message = f"{self.limits.concurrent} questions are under way; try again later"
            raise ApiError(429, message, "rate_limit_exceeded", type_="rate_limit_error")
        try:
            answering = self.system.start(
                asked.query,
                on_event,
                cost_usd=budget.cost_usd,
                latency_s=budget.latency_s,
                parts=on_event is not None,
                headers=asked.headers,
            )
        except BaseException as wrong:
            self.places.leave()
            if isinstance(wrong, ClosedError):
                raise stopping() from None
            raise
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

    async def _whole(self, http: Request, reply: Reply) -> Response:
        answering, over = self._begin(reply.request)
        gone: asyncio.Future[None] = asyncio.ensure_future(_disconnected(http))
        waited: set[asyncio.Future[Any]] = {over, gone}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            answering.stop.set()
        if not over.done():
            self.metrics.abandoned()
            raise ClientDisconnect
        outcome = result_of(over, self.bugs)
        if outcome.error is not None:
            _log.warning("no answer: %s", outcome.error)
            return json_response(reply.error(outcome), failure(outcome).status, NO_RETRY)
        return json_response(reply.whole(outcome))

    async def _streamed(self, reply: Reply) -> Response:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | Over]()

        def on_event(event: Event) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(queue.put_nowait, event)

        answering, over = self._begin(reply.request, on_event)
        over.add_done_callback(queue.put_nowait)
        try:
            first = await queue.get()
            if not isinstance(first, Plan):
                result_of(over, self.bugs)  # raises: there is no plan
            assert isinstance(first, Plan), "a plan comes before calls"
        except BaseException:
            answering.stop.set()
            raise
        sent = events(first, queue, reply, self.metrics, self.bugs)
        return Stream(sent, answering.stop, over, self.metrics)


async def _disconnected(http: Request) -> None:
    """Return when the client has gone."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
