"""`ChatReply`: `chat.completion`, and `chat.completion.chunk` for streams."""

from __future__ import annotations

import uuid
from typing import Any

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.serve.http.reply import Data, Reply, as_json, cut, error
from abgnn.serve.http.request import MODEL, AnswerRequest, ApiError

_DONE = b"data: [DONE]\n\n"


class ChatReply(Reply):
    """The account is the field `abgnn` of a completion, and of a stream's last chunk with text.

    Args:
        request: what was asked for.
        label: `simulated`, `recorded` or `live`.
    """

    def __init__(self, request: AnswerRequest, label: str) -> None:
        super().__init__(request, label)
        self.id = f"chatcmpl-{uuid.uuid4().hex}"

    def whole(self, outcome: Outcome) -> Data:
        message = {"role": "assistant", "content": outcome.answer, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish(outcome),
        }
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": _usage(outcome),
            "abgnn": self.account(outcome),
        }

    def opened(self, plan: Plan) -> bytes:
        return self._chunk({"role": "assistant", "content": ""}, abgnn=self.begun(plan))

    def progress(self, told: Data) -> bytes:
        return self._chunk({}, abgnn=told)

    def piece(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def ended(self, outcome: Outcome) -> bytes:
        last = self._chunk({}, _finish(outcome), abgnn=self.account(outcome))
        if self.request.include_usage:
            last += self._chunk(usage=_usage(outcome))
        return last + _DONE

    def failed(self, outcome: Outcome) -> bytes:
        return _event(self.error(outcome))

    def refused(self, refusal: ApiError) -> bytes:
        return _event(error(refusal))

    def _chunk(self, delta: Data | None = None, finished: str | None = None, **more: Any) -> bytes:
        """Without a delta one that has no choices."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finished}
        choices = [] if delta is None else [choice]
        return _event({**self._head("chat.completion.chunk"), "choices": choices, **more})

    def _head(self, object_: str) -> Data:
        return {"id": self.id, "object": object_, "created": self.created, "model": MODEL}


def _event(data: Data) -> bytes:
    return b"data: " + as_json(data) + b"\n\n"


def _finish(outcome: Outcome) -> str:
    return "length" if cut(outcome) else "stop"


def _usage(outcome: Outcome) -> Data:
    """Tokens of all calls together."""
    used = outcome.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }
