"""The spans of a rollout: the rollout itself, its agents' turns, the attempts of their calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from types import TracebackType
from typing import TypeVar

from opentelemetry import context as current
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from abgnn.data.backbone import Backbone
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Agent
from abgnn.rollout.clients.base import CallError, Completion, Messages
from abgnn.rollout.clients.trace_headers import TRACE_HEADERS
from abgnn.rollout.ledger.base import Attempt, Caller, Response
from abgnn.rollout.ledger.money import dollars, picodollars
from abgnn.rollout.telemetry import conventions as names
from abgnn.rollout.telemetry.instruments import Attributes, Instruments
from abgnn.rollout.telemetry.texts import input_messages, output_messages

T = TypeVar("T")

W3C = TraceContextTextMapPropagator()  # no baggage: what a client of ours sends us is not for LLMs
_QUEUED_S = 1e-3  # shorter waits are not worth an attribute


class OpenSpan:
    """A span under way; as a context manager it ends with the block, failed if that raised.

    Under a rollout that is not sampled no spans are made: its own context is sent along.
    """

    __slots__ = ("context", "instruments", "span")

    def __init__(
        self,
        instruments: Instruments,
        name: str,
        parent: OpenSpan | Context,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        start: int | None = None,
    ) -> None:
        self.instruments = instruments
        self.span: Span
        self.context: Context
        if isinstance(parent, OpenSpan) and not parent.span.is_recording():
            self.span, self.context = parent.span, parent.context
            return
        above = parent.context if isinstance(parent, OpenSpan) else parent
        self.span = instruments.tracer.start_span(name, above, kind, attributes, start_time=start)
        self.context = set_span_in_context(self.span, above)

    def fail(self, error: str, message: str | None = None) -> None:
        """Mark it as failed; the message is for those who asked for texts."""
        self.span.set_attribute(names.ERROR, error)
        text = message if self.instruments.texts else None
        self.span.set_status(Status(StatusCode.ERROR, text))

    def __enter__(self) -> None:
        """The block's work belongs to the span."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.fail("cancelled" if issubclass(kind, asyncio.CancelledError) else kind.__name__)
        self.span.end()


class ChatSpan(OpenSpan):
    """An attempt of a call, from its dispatch on."""

    __slots__ = ("names",)

    def __init__(
        self,
        agent: AgentSpan,
        caller: Caller,
        backbone: Backbone,
        messages: Messages | None,
        start: int | None = None,
    ) -> None:
        self.names = agent.instruments.names(caller, backbone)
        said = self.names.span
        if caller.attempt > 1:
            said = {**said, names.ATTEMPT: caller.attempt}
        name = f"chat {backbone.model}"
        super().__init__(agent.instruments, name, agent, said, SpanKind.CLIENT, start)
        if self.instruments.texts and messages is not None and self.span.is_recording():
            self.span.set_attribute(names.INPUT_MESSAGES, input_messages(messages.chat()))

    async def within(self, work: Awaitable[T]) -> T:
        """Await a call over the network with this span as the current one, to be sent along."""
        if names.ADDRESS not in self.names.span:
            return await work
        headers: dict[str, str] = {}
        W3C.inject(headers, self.context)
        token, sent = current.attach(self.context), TRACE_HEADERS.set(headers)
        try:
            return await work
        finally:
            TRACE_HEADERS.reset(sent)
            current.detach(token)

    def close(self, attempt: Attempt, result: Completion | CallError) -> None:
        """End it with what the attempt came to, and measure that."""
        failed = result if isinstance(result, CallError) else None
        error = None if failed is None else _error_type(failed.kind, failed.status)
        self.instruments.measure(self.names, attempt, error)
        if self.span.is_recording():
            finish = None if isinstance(result, CallError) else result.finish
            self.span.set_attributes(_account(attempt, finish))
            if failed is not None and error is not None:
                self.fail(error, failed.message)
            elif self.instruments.texts and isinstance(result, Completion):
                text = output_messages(result.text, result.finish)
                self.span.set_attribute(names.OUTPUT_MESSAGES, text)
        self.span.end()

    def replay(self, recorded: Response) -> None:
        """End it with a recorded response, for which no call was made."""
        if self.span.is_recording():
            usage, error = recorded.usage, recorded.error
            attempt = Attempt(usage, 0, False, recorded.service_time, 0.0, error)
            finish = None if error is not None else recorded.finish
            self.span.set_attributes({**_account(attempt, finish), names.CACHED: True})
            if error is not None:
                self.fail(_error_type(error, recorded.status), recorded.message)
            elif self.instruments.texts:
                text = output_messages(recorded.text, recorded.finish)
                self.span.set_attribute(names.OUTPUT_MESSAGES, text)
        self.span.end()


class AgentSpan(OpenSpan):
    """The turn of an agent: its calls, and the tool runs between them."""

    __slots__ = ()

    def chat(
        self,
        caller: Caller,
        backbone: Backbone,
        messages: Messages | None,
        start: int | None = None,
    ) -> ChatSpan:
        """An attempt of one of its calls."""
        return ChatSpan(self, caller, backbone, messages, start)


class RolloutSpan(OpenSpan):
    """A rollout from its first call to its outcome."""

    __slots__ = ()

    def agent(self, index: int, agent: Agent, round: int, start: int | None = None) -> AgentSpan:
        """The turn of the plan's agent `index`."""
        role = agent.role.name
        said: Attributes = {
            names.OPERATION: "invoke_agent",
            names.AGENT: role,
            names.INDEX: index,
        }
        if round:
            said[names.ROUND] = round
        return AgentSpan(self.instruments, f"invoke_agent {role}", self, said, start=start)

    def book(self, agent: Agent, caller: Caller, backbone: Backbone, record: CallRecord) -> None:
        """The turn of a framework's agent, whose call has just ended."""
        attempt = Attempt(
            record.usage, picodollars(record.paid), False, record.service_time, 0.0, None
        )
        start = time.time_ns() - round(record.service_time * 1e9)
        turn = self.agent(caller.agent, agent, caller.round, start)
        with turn:
            done = Completion(record.text, record.usage, record.service_time)
            turn.chat(caller, backbone, None, start).close(attempt, done)

    def close(self, outcome: Outcome) -> None:
        """Write the outcome into the span, which ends with its block."""
        if not self.span.is_recording():
            return
        self.span.set_attributes(
            {
                names.COST: outcome.cost,
                names.PAID: outcome.paid,
                names.LATENCY_S: outcome.latency,
                names.CALLS: len(outcome.calls),
            }
        )
        if outcome.late:
            roles = tuple(outcome.plan.agents[i].role.name for i in outcome.late)
            self.span.set_attribute(names.LATE, roles)
        if outcome.error is not None:
            self.fail(outcome.kind or "internal", outcome.error)
        elif self.instruments.texts:
            text = output_messages(outcome.answer, "stop")
            self.span.set_attribute(names.OUTPUT_MESSAGES, text)


def _error_type(kind: str, status: int | None) -> str:
    """The HTTP status, where there was one that is an error, else our kind of failure."""
    return str(status) if status is not None and status >= 400 else kind


def _account(attempt: Attempt, finish: str | None) -> dict[str, str | int | float | tuple[str]]:
    """Tokens, dollars and waits of an attempt; tokens only where the reply states them."""
    usage = attempt.usage
    account: dict[str, str | int | float | tuple[str]] = {names.COST: dollars(attempt.pusd)}
    if attempt.uncertain:
        account[names.UNCERTAIN] = True
    else:
        account[names.INPUT_TOKENS] = usage.prompt_tokens
        account[names.OUTPUT_TOKENS] = usage.completion_tokens
        if usage.cached_tokens:
            account[names.CACHED_TOKENS] = usage.cached_tokens
        if usage.reasoning_tokens:
            account[names.REASONING_TOKENS] = usage.reasoning_tokens
    if finish is not None:
        account[names.FINISH_REASONS] = (finish,)
    if attempt.queue_time >= _QUEUED_S:
        account[names.QUEUE_S] = attempt.queue_time
    return account
