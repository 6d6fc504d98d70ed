"""`Reply`: an outcome as the objects of one of OpenAI's APIs; errors; the account in both."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from abgnn.data.outcome import ErrorKind, Outcome
from abgnn.data.plan import Plan
from abgnn.serve.account import account, why_none
from abgnn.serve.http.request import AnswerRequest, ApiError
from abgnn.serve.offer import Team

Data = dict[str, Any]

_STATUS: Mapping[ErrorKind, int] = {"budget": 422, "deadline": 504, "internal": 500}
NO_RETRY = {"x-should-retry": "false"}  # calls were tried again already, and money was spent


class Reply(ABC):
    """The objects of one answer, whole or as server-sent events, which share an id and a time.

    Args:
        request: what was asked for.
        label: `simulated`, `recorded` or `live`.
    """

    def __init__(self, request: AnswerRequest, label: str) -> None:
        self.request, self.label = request, label
        self.created, self.began = int(time.time()), time.perf_counter()

    @abstractmethod
    def whole(self, outcome: Outcome) -> Data:
        """The answer with its account."""

    @abstractmethod
    def opened(self, plan: Plan) -> bytes:
        """Events that begin a stream: the plan is known."""

    @abstractmethod
    def progress(self, told: Data) -> bytes:
        """The event of a call that ended, or of a decision."""

    @abstractmethod
    def piece(self, text: str) -> bytes:
        """Events of the answer's next piece."""

    @abstractmethod
    def ended(self, outcome: Outcome) -> bytes:
        """Events that end a stream whose pieces are the whole answer."""

    @abstractmethod
    def failed(self, outcome: Outcome) -> bytes:
        """Events that end a stream without an answer, with the account of what was spent."""

    @abstractmethod
    def refused(self, refusal: ApiError) -> bytes:
        """Events that end a stream of which there is no outcome."""

    def begun(self, plan: Plan) -> Data:
        """The account as far as it is known before the first call."""
        return {"calls_are": self.label, "plan": Team.of(plan).to_dict()}

    def account(self, outcome: Outcome) -> Data:
        """The account of an outcome, with what of the request had no effect."""
        asked = self.request
        made = account(outcome, self.label, asked.budget, text=asked.trace)
        return {**made, "ignored": list(asked.ignored)}

    def error(self, outcome: Outcome) -> Data:
        """The error in place of an answer, with the account of what was spent."""
        return {**error(failure(outcome)), "abgnn": self.account(outcome)}


def failure(outcome: Outcome) -> ApiError:
    """Why there is no answer."""
    kind = outcome.kind or "internal"
    return ApiError(_STATUS.get(kind, 502), why_none(outcome), kind, type_="api_error")


def cut(outcome: Outcome) -> bool:
    """Whether the answer was cut."""
    last = [r for r in outcome.calls if r.agent == outcome.plan.decision]
    return bool(last) and last[-1].finish == "length"


def error(refusal: ApiError) -> Data:
    """An error as OpenAI's API states it."""
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def as_json(data: Data) -> bytes:
    """JSON in ASCII, since an LLM's text need not be valid Unicode."""
    return json.dumps(data, separators=(",", ":")).encode()


def json_response(data: Data, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(as_json(data), code, headers, media_type="application/json")


def refused(refusal: ApiError, headers: dict[str, str] | None = None) -> Response:
    """A refusal as a response."""
    more = {"retry-after": "1"} if refusal.status == 429 else {}
    return json_response(error(refusal), refusal.status, {**more, **(headers or {})})
