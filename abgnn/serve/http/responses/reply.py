"""`ResponsesReply`: a `response`, and its typed, numbered events for streams."""

from __future__ import annotations

import time
import uuid
from typing import Any

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.serve.http.reply import Data, Reply, as_json, cut, failure
from abgnn.serve.http.request import MODEL, AnswerRequest, ApiError


class ResponsesReply(Reply):
    """The account is the field `abgnn` of a response, also of those inside a stream's events.

    The first one has the plan; every call as it ends is a further `response.in_progress`, a type
    that clients know, with the call in its own `abgnn`.

    Args:
        request: what was asked for.
        label: `simulated`, `recorded` or `live`.
    """

    def __init__(self, request: AnswerRequest, label: str) -> None:
        super().__init__(request, label)
        self.id, self._message_id = f"resp_{uuid.uuid4().hex}", f"msg_{uuid.uuid4().hex}"
        self._sent = 0
        self._text_begun = False

    def whole(self, outcome: Outcome) -> Data:
        status = "incomplete" if cut(outcome) else "completed"
        return self._response(
            status,
            completed_at=None if cut(outcome) else int(time.time()),
            incomplete_details={"reason": "max_output_tokens"} if cut(outcome) else None,
            output=[self._message(status, outcome.answer)],
            usage=_usage(outcome),
            abgnn=self.account(outcome),
        )

    def opened(self, plan: Plan) -> bytes:
        begun = self._response("in_progress", abgnn=self.begun(plan))
        created = self._event("response.created", response=begun)
        return created + self._event("response.in_progress", response=begun)

    def progress(self, told: Data) -> bytes:
        response = self._response("in_progress")
        return self._event("response.in_progress", response=response, abgnn=told)

    def piece(self, text: str) -> bytes:
        begin = self._begin_text()
        delta = {"delta": text, "logprobs": []}
        return begin + self._event("response.output_text.delta", **self._place, **delta)

    def ended(self, outcome: Outcome) -> bytes:
        response, text = self.whole(outcome), outcome.answer
        [item] = response["output"]
        sent = self._begin_text()
        sent += self._event("response.output_text.done", **self._place, text=text, logprobs=[])
        sent += self._event("response.content_part.done", **self._place, part=_part(text))
        sent += self._event("response.output_item.done", output_index=0, item=item)
        return sent + self._event(f"response.{response['status']}", response=response)

    def failed(self, outcome: Outcome) -> bytes:
        wrong = _failed(failure(outcome))
        more = {"usage": _usage(outcome), "abgnn": self.account(outcome)}
        return self._event(
            "response.failed", response=self._response("failed", error=wrong, **more)
        )

    def refused(self, refusal: ApiError) -> bytes:
        response = self._response("failed", error=_failed(refusal))
        return self._event("response.failed", response=response)

    def _begin_text(self) -> bytes:
        """Events before the first piece of the text; nothing afterwards."""
        if self._text_begun:
            return b""
        self._text_begun = True
        item = self._message("in_progress")
        added = self._event("response.output_item.added", output_index=0, item=item)
        return added + self._event("response.content_part.added", **self._place, part=_part(""))

    @property
    def _place(self) -> Data:
        """Where the answer's text is."""
        return {"item_id": self._message_id, "output_index": 0, "content_index": 0}

    def _message(self, status: str, text: str | None = None) -> Data:
        return {
            "id": self._message_id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [] if text is None else [_part(text)],
        }

    def _response(self, status: str, **more: Any) -> Data:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "completed_at": None,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": self.request.instructions,
            "metadata": dict(self.request.metadata),
            "model": MODEL,
            "output": [],
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "text": {"format": {"type": "text"}},
            "tool_choice": "none",
            "tools": [],
            "truncation": "disabled",
            "usage": None,
            **more,
        }

    def _event(self, type_: str, **more: Any) -> bytes:
        data = as_json({"type": type_, "sequence_number": self._sent, **more})
        self._sent += 1
        return b"event: %s\ndata: %s\n\n" % (type_.encode(), data)


def _part(text: str) -> Data:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _failed(wrong: ApiError) -> Data:
    """The error of a failed response; of OpenAI's codes `server_error` is the general one."""
    return {"code": "server_error", "message": wrong.message, "type": wrong.code}


def _usage(outcome: Outcome) -> Data:
    """Tokens of all calls together; no provider tells us what it wrote to its cache."""
    used = outcome.usage
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }
