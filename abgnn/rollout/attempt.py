"""The state of one attempt of a call, and its translation for ledger and rollout."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from abgnn.data.backbone import Usage
from abgnn.rollout.calls import TIME_UP, Call
from abgnn.rollout.clients.base import CallError, Client, Completion, CountsPrompts
from abgnn.rollout.ledger.base import Attempt, Caller, Response
from abgnn.rollout.ledger.money import cost, worst_case
from abgnn.rollout.limits.endpoint import EndpointGuard
from abgnn.rollout.streamed import attempt as attempt_of

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.spans import ChatSpan

_ASSUMED_TOKENS = 4096  # completion tokens at most, for the ledger, where no limit is stated


class Elsewhere(Exception):
    """The same call is under way in another process: its answer will do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The resources that an admitted attempt holds until it ends."""

    caller: Caller
    guard: EndpointGuard | None
    reserved: int
    ticket: int
    expected: int
    span: ChatSpan | None = None


@dataclass(slots=True)
class Progress:
    """A call under way: the sums over its attempts so far."""

    attempts: int = 0
    usage: Usage = field(default_factory=Usage)
    paid: int = 0
    retry_time: float = 0.0
    queue_time: float = 0.0


def most_usage(client: Client, call: Call) -> Usage:
    """The worst case of an attempt: a token for every byte of the prompt, all of `max_tokens`."""
    most = worst_case(call.messages.chat(), call.backbone.max_tokens or _ASSUMED_TOKENS)
    if isinstance(client, CountsPrompts):
        return replace(most, prompt_tokens=client.prompt_tokens(call.messages, call.query))
    return most


async def dispatched(
    client: Client, call: Call, so_far: Progress, entry: Entry
) -> Completion | CallError:
    """The client's one call, cut at the deadline."""
    left = call.seconds - so_far.retry_time
    work = attempt_of(client, call)
    if entry.span is not None:
        work = entry.span.within(work)
    began = time.perf_counter()
    try:
        done = await (work if math.isinf(left) else asyncio.wait_for(work, left))
    except asyncio.TimeoutError:
        seconds = time.perf_counter() - began
        return CallError("deadline", TIME_UP, usage=None, service_time=min(seconds, left))
    except CallError as failure:
        return failure
    except Exception as bug:  # a client's bug fails this call only
        message, usage = f"{type(bug).__name__}: {bug}", None if entry.guard else Usage()
        seconds = time.perf_counter() - began
        return CallError("internal", message, usage=usage, service_time=seconds)
    if done.service_time > left:  # on a clock of its own: simulated seconds
        return CallError("deadline", TIME_UP, usage=done.usage, service_time=left)
    return done


def as_attempt(
    client: Client, call: Call, result: Completion | CallError, queued: float
) -> Attempt:
    """The attempt for the ledger; unknown usage is booked at the worst case."""
    usage = most_usage(client, call) if result.usage is None else result.usage
    return Attempt(
        usage=usage,
        pusd=cost(call.backbone, usage),
        uncertain=result.usage is None,
        service_time=result.service_time,
        queue_time=queued,
        error=result.kind if isinstance(result, CallError) else None,
    )


def as_response(result: Completion | CallError, so_far: Progress) -> Response:
    """The response for the rollout and the recording, with the tokens of all attempts."""
    if isinstance(result, CallError):
        return Response(
            text="",
            usage=so_far.usage,
            service_time=result.service_time,
            retry_time=so_far.retry_time,
            error=result.kind,
            message=result.message,
            status=result.status,
        )
    return Response(
        result.text, so_far.usage, result.service_time, so_far.retry_time, result.finish
    )
