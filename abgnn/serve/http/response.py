"""From an outcome to OpenAI's objects: completions, chunks, errors; and the account."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, ErrorKind, Outcome
from abgnn.data.plan import Plan
from abgnn.serve.http.request import MODEL, ApiError, ChatRequest
from abgnn.serve.offer import Team

Data = dict[str, Any]

_STATUS: Mapping[ErrorKind, int] = {"budget": 422, "deadline": 504, "internal": 500}
NO_RETRY = {"x-should-retry": "false"}  # calls were tried again already, and money was spent


class ChatResponse:
    """The objects of one answer, which share an id and a time.

    Args:
        request: the chat request.
        label: `simulated`, `recorded` or `live`.
    """

    def __init__(self, request: ChatRequest, label: str) -> None:
        self.request, self.label = request, label
        self.id, self.created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        self.began = time.perf_counter()

    def completion(self, outcome: Outcome) -> Data:
        """`chat.completion`."""
        message = {"role": "assistant", "content": outcome.answer, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": finish(outcome),
        }
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": usage(outcome),
            "abgnn": self.account(outcome),
        }

    def chunk(self, delta: Data | None = None, finished: str | None = None, **more: Any) -> Data:
        """`chat.completion.chunk`; without a delta one that has no choices."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finished}
        choices = [] if delta is None else [choice]
        return {**self._head("chat.completion.chunk"), "choices": choices, **more}

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
        """The error in place of an answer, with the account of what was spent.

        The provider's message is not passed on: it may name endpoints and accounts.
        """
        kind = outcome.kind or "internal"
        failed = next((r for r in outcome.calls if r.kind == kind), None)
        who = "" if failed is None else f" ({failed.role} on {failed.backbone})"
        message = f"the system could not answer: {kind}{who}"
        return {**error(ApiError(_status(kind), message, kind, type_="api_error")),
                "abgnn": self.account(outcome)}  # fmt: skip

    def _head(self, object_: str) -> Data:
        return {"id": self.id, "object": object_, "created": self.created, "model": MODEL}


def status(outcome: Outcome) -> int:
    """The HTTP status."""
    return 200 if outcome.error is None else _status(outcome.kind or "internal")


def _status(kind: ErrorKind) -> int:
    return _STATUS.get(kind, 502)


def finish(outcome: Outcome) -> str:
    """`length` if the answer was cut, else `stop`."""
    last = [r for r in outcome.calls if r.agent == outcome.plan.decision]
    return "length" if last and last[-1].finish == "length" else "stop"


def usage(outcome: Outcome) -> Data:
    """Tokens of all calls together."""
    used = outcome.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


def call(record: CallRecord, *, text: bool) -> Data:
    """One call of the account."""
    return {
        "agent": record.agent,
        "round": record.round,
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
    return Team.of(plan).to_dict()


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


def event(data: Data) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
