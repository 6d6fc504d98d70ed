"""`responses_request`: the body of a Responses request as an `AnswerRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abgnn.serve.http.conversation import Turn, conversation, messages, unicode
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import (
    AnswerRequest,
    Headers,
    answer_request,
    read_body,
    refuse,
)

_UNDERSTOOD = {"input", "instructions"}
_NO_STATE = "nothing: responses are not stored; send the whole conversation as input"
_OWN_TOOLS = "nothing: the system's agents have tools of their own"
_REFUSED = {
    "previous_response_id": _NO_STATE,
    "conversation": _NO_STATE,
    "prompt": "nothing: send its text as instructions and input",
    "background": "false: wait for the answer, or stream it",
    "tools": _OWN_TOOLS,
    "top_logprobs": "nothing",
    "moderation": "nothing",
}
"""Parameters that would change the answer → what is allowed."""


def responses_request(body: bytes, headers: Headers, limits: ServeLimits) -> AnswerRequest:
    """Parse a request.

    Args:
        body: JSON as OpenAI's `responses.create` takes it, with `abgnn` beside it.
        headers: name → all its values; budgets may be stated there instead.
        limits: of messages and characters.

    Raises:
        ApiError: anything else.
    """
    data = read_body(body)
    _check_refused(data)
    instructions, turns = _instructions(data), _input(data.get("input"), limits)
    before = [Turn("instructions", "system", instructions)] if instructions else []
    question = conversation("input", [*before, *turns], limits)
    return answer_request(data, question, headers, _UNDERSTOOD, instructions=instructions)


def _input(value: Any, limits: ServeLimits) -> list[Turn]:
    """The user's text, or a conversation, in which earlier answers may be as we made them."""
    if isinstance(value, str):
        return [Turn("input", "user", unicode("input", value))]
    for i, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict) and item.get("type") not in (None, "message"):
            refuse(f"input[{i}].type", "message", "unsupported")
    return messages("input", value, ("input_text", "output_text"), limits)


def _instructions(data: Mapping[str, Any]) -> str | None:
    value = data.get("instructions")
    if value is not None and not isinstance(value, str):
        refuse("instructions", "a text")
    return None if value is None else unicode("instructions", value)


def _check_refused(data: Mapping[str, Any]) -> None:
    for name, allowed in _REFUSED.items():
        if data.get(name):
            refuse(name, allowed, "unsupported")
    if data.get("tool_choice") not in (None, "none", "auto"):
        refuse("tool_choice", _OWN_TOOLS, "unsupported")
    include = data.get("include") or []
    if not isinstance(include, list) or "message.output_text.logprobs" in include:
        refuse("include", "a list without message.output_text.logprobs", "unsupported")
    text = data.get("text") or {}
    if not isinstance(text, dict) or text.get("format") not in (None, {"type": "text"}):
        refuse("text.format", 'nothing, or {"type": "text"}', "unsupported")
