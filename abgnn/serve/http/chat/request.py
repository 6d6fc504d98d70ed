"""`chat_request`: the body of a chat completion request as an `AnswerRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abgnn.serve.http.conversation import conversation, messages
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import (
    AnswerRequest,
    Headers,
    answer_request,
    flag,
    read_body,
    refuse,
)

_UNDERSTOOD = {"messages", "stream_options", "n"}
_REFUSED = ("tools", "functions", "audio", "logprobs", "top_logprobs", "web_search_options")


def chat_request(body: bytes, headers: Headers, limits: ServeLimits) -> AnswerRequest:
    """Parse a request.

    Args:
        body: JSON as OpenAI's chat completions take it, with `abgnn` beside it.
        headers: name → all its values; budgets may be stated there instead.
        limits: of messages and characters.

    Raises:
        ApiError: anything else.
    """
    data = read_body(body)
    _check_refused(data)
    options = data.get("stream_options") or {}
    if not isinstance(options, dict):
        refuse("stream_options", "an object")
    turns = messages("messages", data.get("messages"), ("text",), limits)
    question = conversation("messages", turns, limits)
    include_usage = flag(options, "include_usage")
    return answer_request(data, question, headers, _UNDERSTOOD, include_usage=include_usage)


def _check_refused(data: Mapping[str, Any]) -> None:
    """Refuse parameters that would change the answer but are not supported."""
    for name in _REFUSED:
        if data.get(name):
            refuse(name, "nothing: the system's agents have tools of their own", "unsupported")
    if data.get("n") not in (None, 1) or isinstance(data.get("n"), bool):
        refuse("n", "1", "unsupported")
    form = data.get("response_format")
    if form is not None and form != {"type": "text"}:
        refuse("response_format", 'nothing, or {"type": "text"}', "unsupported")
