"""What rollouts ask of the gateway, and what a recorded response is worth to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout.clients.base import CallError, Messages
from abgnn.rollout.ledger.base import Caller, Response
from abgnn.rollout.limits.backoff import retryable
from abgnn.rollout.limits.query_cap import QueryCap
from abgnn.rollout.settings import Recording

TIME_UP = "the query's time is up"


@dataclass(frozen=True, slots=True)
class Call:
    """What a rollout asks for.

    Args:
        caller: who asks; key and attempt are filled in by the gateway.
        backbone, messages, query: the call.
        twin: how many like calls of the same rollout come before it.
        seconds: what the deadline leaves, on the plan's clock.
        purse: the rollout's own cap.
        age: of the rollout; older ones (lower) are served first where there is a queue.
        stop: once it is set, nobody waits for the answer any more.
    """

    caller: Caller
    backbone: Backbone
    messages: Messages
    query: Query
    repeat: int
    seconds: float
    query_cap: QueryCap
    age: int = 0
    stop: Event | None = None

    @property
    def sample(self) -> int:
        """The client's sample index: a like call of the same rollout is another sample."""
        return self.caller.sample + (self.repeat << 32)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call: a response, or an error in it; attempts 0 if recorded; pusd paid now."""

    response: Response
    attempts: int = 0
    paid: int = 0
    queue_time: float = 0.0


def replays(found: Response, recording: Recording, seconds: float) -> bool:
    """Passing failures are tried again where live calls are allowed; paid ones are not."""
    if recording.offline or found.error is None:
        return True
    if found.error == "deadline":
        return seconds <= found.retry_time + found.service_time
    return found.error in ("empty", "filter", "oversize", "malformed", "usage")


def too_late(found: Response, seconds: float) -> Response:
    """A recorded reply that would not have come in time."""
    left = max(seconds - found.retry_time, 0.0)
    return replace(found, text="", service_time=left, error="deadline", message=TIME_UP)


def endpoint_failed(response: Response) -> bool:
    """Whether the endpoint is to blame, so that a fallback may do better."""
    if response.error is None:
        return False
    error = CallError(response.error, response.message, status=response.status)
    return response.error == "circuit" or retryable(error)
