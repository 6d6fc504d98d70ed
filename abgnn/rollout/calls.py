"""`Call` and `Reply`, between rollout and gateway; when a recorded response can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout.clients.base import CallError, Messages
from abgnn.rollout.ledger.base import Caller, Response
from abgnn.rollout.limits.backoff import retryable
from abgnn.rollout.limits.query_cap import QueryCap
from abgnn.rollout.settings import Recording

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.spans import AgentSpan

OnText = Callable[[str], object]
TIME_UP = "the query's time is up"


class AnswerParts:
    """Passes the answer of a rollout on, piece by piece, while it is written.

    Once something of it was passed on (`begun`), the call is not tried again.
    """

    def __init__(self, on_text: OnText) -> None:
        self._on_text, self.begun = on_text, False

    def __call__(self, text: str) -> None:
        self.begun = True
        self._on_text(text)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a rollout wants made.

    Args:
        caller: who calls; key and attempt are filled in by the gateway.
        backbone, messages, query: the call.
        repeat: how many like calls of the same rollout come before it.
        seconds: what the deadline leaves, on the plan's clock.
        query_cap: the rollout's own cap.
        age: of the rollout; the oldest (lowest number) is served first where calls queue.
        stop: once it is set, the answer is no longer needed.
        parts: takes the reply while it is written; None: the reply is no answer to the question.
        span: the span of the agent's turn; None: telemetry is off.
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
    parts: AnswerParts | None = None
    span: AgentSpan | None = None

    @property
    def begun(self) -> bool:
        """Whether something of the reply was passed on."""
        return self.parts is not None and self.parts.begun

    @property
    def sample(self) -> int:
        """The client's sample index: a like call of the same rollout is another sample."""
        return self.caller.sample + (self.repeat << 32)


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a call: a response, perhaps an error; attempts 0 if recorded; pusd paid now."""

    response: Response
    attempts: int = 0
    paid: int = 0
    queue_time: float = 0.0


def replays(recorded: Response, recording: Recording, seconds: float) -> bool:
    """Whether a recorded response is used; passing failures are retried where calls may be live."""
    if recording.offline or recorded.error is None:
        return True
    if recorded.error == "deadline":
        return seconds <= recorded.retry_time + recorded.service_time
    return recorded.error in ("empty", "filter", "oversize", "malformed", "usage")


def too_late(recorded: Response, seconds: float) -> Response:
    """The deadline error in place of a recorded reply that would not have come in time."""
    left = max(seconds - recorded.retry_time, 0.0)
    return replace(recorded, text="", service_time=left, error="deadline", message=TIME_UP)


def endpoint_failed(response: Response) -> bool:
    """Whether the endpoint is to blame, so that a fallback may do better."""
    if response.error is None:
        return False
    error = CallError(response.error, response.message, status=response.status)
    return response.error == "circuit" or retryable(error)
