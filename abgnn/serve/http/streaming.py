"""Answers as server-sent events; the result of an awaited outcome, or its error."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from threading import Event as Flag
from typing import TypeAlias

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.errors import ClosedError, ConfigError
from abgnn.serve.account import call, decided
from abgnn.serve.engine import AnswerPart, Event
from abgnn.serve.http.bug_log import BugLog
from abgnn.serve.http.metrics import Metrics
from abgnn.serve.http.reply import Reply
from abgnn.serve.http.request import ApiError, stopping

_log = logging.getLogger(__name__)
Over: TypeAlias = asyncio.Future[Outcome]


class Stream(StreamingResponse):
    """Server-sent events; when the client leaves, no further calls are made."""

    def __init__(
        self, events: AsyncIterator[bytes], stop: Flag, over: Over, metrics: Metrics
    ) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._stop, self._over, self._metrics = stop, over, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stop.set()
            if not self._over.done():
                self._metrics.abandoned()


async def events(
    plan: Plan, queue: asyncio.Queue[Event | Over], reply: Reply, metrics: Metrics, bugs: BugLog
) -> AsyncIterator[bytes]:
    """The plan, an event per call and per decision of a closed loop, the answer, the account.

    The answer comes in pieces as it is written, as far as it does; the rest of it when it is known.
    """
    text = _Text(reply, metrics)
    yield reply.opened(plan)
    while not isinstance(item := await queue.get(), asyncio.Future):
        if isinstance(item, CallRecord):
            yield reply.progress({"call": call(item, text=reply.request.trace)})
        elif isinstance(item, LoopStep):
            yield reply.progress({"step": decided(item, plan)})
        elif isinstance(item, AnswerPart):
            yield text.next(item.text)
    try:
        outcome = result_of(item, bugs)
    except ApiError as refusal:
        yield reply.refused(refusal)
        return
    if outcome.error is not None:
        _log.warning("no answer: %s", outcome.error)
        yield reply.failed(outcome)
        return
    if not outcome.answer.startswith(text.sent):
        _log.error("what was streamed is not the answer")
        yield reply.refused(ApiError(500, "what was sent is not the answer", "internal"))
        return
    if rest := outcome.answer[len(text.sent) :]:
        yield text.next(rest)
    yield reply.ended(outcome)


class _Text:
    """The answer as far as it was sent."""

    def __init__(self, reply: Reply, metrics: Metrics) -> None:
        self._reply, self._metrics, self._pieces = reply, metrics, list[str]()

    @property
    def sent(self) -> str:
        return "".join(self._pieces)

    def next(self, piece: str) -> bytes:
        """The event of the next piece."""
        if not self._pieces:
            self._metrics.first_token(time.perf_counter() - self._reply.began)
        self._pieces.append(piece)
        return self._reply.piece(piece)


def result_of(over: Over, bugs: BugLog) -> Outcome:
    """The outcome.

    Raises:
        ApiError: a budget that no plan meets, a server that stops, an internal error.
    """
    wrong = over.exception()
    if wrong is None:
        return over.result()
    if isinstance(wrong, ConfigError):
        message = f"{wrong.field}: allowed is {wrong.allowed}"
        raise ApiError(400, message, "invalid_value", wrong.field) from wrong
    if isinstance(wrong, ClosedError):
        raise stopping() from wrong
    raise bugs(wrong, "question") from wrong
