"""`Reply`: an outcome as the objects of one of OpenAI's APIs; errors; the account in both."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, ErrorKind, Outcome
from abgnn.data.plan import Plan
from abgnn.serve.http.request import AnswerRequest, ApiError

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
        return {"calls_are": self.label, "plan": team(plan)}

    def account(self, outcome: Outcome) -> Data:
        """The account of an outcome: dollars, seconds, calls, the plan."""
        return {
            "calls_are": self.label,
            "cost_usd": outcome.cost,
            "paid_usd": outcome.paid,
            "latency_s": outcome.latency,
            "wall_s": outcome.wall_time,
            "calls": [call(record, text=self.request.trace) for record in outcome.calls],
            "plan": team(outcome.plan),
            "budget": {
                "cost_usd": self.request.budget.cost_usd,
                "latency_s": self.request.budget.latency_s,
            },
            **({"steps": steps} if (steps := _steps(outcome)) else {}),
            "late": [outcome.plan.agents[i].role.name for i in outcome.late],
            "ignored": list(self.request.ignored),
        }

    def error(self, outcome: Outcome) -> Data:
        """The error in place of an answer, with the account of what was spent."""
        return {**error(failure(outcome)), "abgnn": self.account(outcome)}


def failure(outcome: Outcome) -> ApiError:
    """Why there is no answer.

    The provider's message is not passed on: it may name endpoints and accounts.
    """
    kind = outcome.kind or "internal"
    failed = next((r for r in outcome.calls if r.kind == kind), None)
    who = "" if failed is None else f" ({failed.role} on {failed.backbone})"
    message = f"the system could not answer: {kind}{who}"
    return ApiError(_STATUS.get(kind, 502), message, kind, type_="api_error")


def cut(outcome: Outcome) -> bool:
    """Whether the answer was cut."""
    last = [r for r in outcome.calls if r.agent == outcome.plan.decision]
    return bool(last) and last[-1].finish == "length"


def call(record: CallRecord, *, text: bool) -> Data:
    """One call of the account."""
    return {
        "role": record.role,
        "backbone": record.backbone,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "cost_usd": record.cost,
        "start_s": record.start,
        "end_s": record.end,
        **({"error": record.kind} if record.kind else {}),
        **({"text": record.text} if text else {}),
    }


def decided(step: LoopStep, plan: Plan) -> Data:
    """One decision of a closed loop; agents are indices into the plan's."""
    return {**step.to_dict(), "words": step.words([agent.backbone for agent in plan.agents])}


def _steps(outcome: Outcome) -> list[Data]:
    return [decided(step, outcome.plan) for step in outcome.steps]


def team(plan: Plan) -> Data:
    """Roles, backbones, edges and who answers; without prompts."""
    return {
        "agents": [{"role": a.role.name, "backbone": a.backbone} for a in plan.agents],
        "edges": [list(edge) for edge in plan.edges],
        "decision": plan.decision,
        "rounds": plan.rounds,
    }


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
