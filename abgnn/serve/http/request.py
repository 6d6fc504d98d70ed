"""`ChatRequest`: the question, budget and options in the body of a chat completion request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.query_budget import QueryBudget

MODEL = "abgnn"
COST_HEADER, LATENCY_HEADER = "x-abgnn-cost-usd", "x-abgnn-latency-s"
_TRACE = ("traceparent", "tracestate")

_UNDERSTOOD = {"model", "messages", "stream", "stream_options", "n", "abgnn"}
_REFUSED = ("tools", "functions", "audio", "logprobs", "top_logprobs", "web_search_options")
_SPEAKERS = {
    "system": "Instructions",
    "developer": "Instructions",
    "user": "User",
    "assistant": "Assistant",
}


class ApiError(Exception):
    """A request that is answered with an error of OpenAI's shape.

    Args:
        status: of HTTP.
        message: for the client's developer; discloses nothing about this machine.
        code: short name of the error.
        param: the wrong field.
        type_: OpenAI's class of errors.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        type_: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.param, self.type = param, type_


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A valid request.

    Args:
        query: the conversation as one question.
        budget: of this question alone.
        stream: send events as they happen.
        include_usage: end the stream with tokens and the whole account.
        trace: put every call's text into the account.
        ignored: parameters of the request that have no effect here.
        headers: the trace context (W3C) that the request came with.
    """

    query: Query
    budget: QueryBudget = field(default_factory=QueryBudget)
    stream: bool = False
    include_usage: bool = False
    trace: bool = False
    ignored: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def chat_request(
    body: bytes, headers: Callable[[str], Sequence[str]], limits: ServeLimits
) -> ChatRequest:
    """Parse a request. The query's domain is left empty.

    Args:
        body: JSON as OpenAI's chat completions take it, with `abgnn` beside it: `cost_usd`,
            `latency_s`, `trace`, `meta` (of the `Query`: kinds that plans may distinguish).
        headers: name → all its values; budgets may be stated there instead.
        limits: of messages and characters.

    Raises:
        ApiError: anything else.
    """
    data = _json(body)
    _check_model(data)
    _check_refused(data)
    own = data.get("abgnn", {})
    if not isinstance(own, dict) or own.keys() - {"cost_usd", "latency_s", "trace", "meta"}:
        _refuse("abgnn", "an object of cost_usd, latency_s, trace and meta")
    options = data.get("stream_options") or {}
    if not isinstance(options, dict):
        _refuse("stream_options", "an object")
    text = _question(data.get("messages"), limits)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return ChatRequest(
        Query(f"chat/{digest}", text, "", meta=_meta(own)),
        _budget(own, headers),
        _flag(data, "stream"),
        _flag(options, "include_usage"),
        _flag(own, "trace"),
        tuple(sorted(k for k, v in data.items() if k not in _UNDERSTOOD and v is not None)),
        {name: ",".join(values) for name in _TRACE if (values := headers(name))},
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not valid JSON", "invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, "the body is not a JSON object", "invalid_json")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_model(data: Mapping[str, Any]) -> None:
    if data.get("model") != MODEL:
        message = f"the model {_shown(data.get('model'))} does not exist; here it is {MODEL!r}"
        raise ApiError(404, message, "model_not_found", "model")


def _check_refused(data: Mapping[str, Any]) -> None:
    """Refuse parameters that would change the answer but are not supported."""
    for name in _REFUSED:
        if data.get(name):
            _refuse(name, "nothing: the system's agents have tools of their own", "unsupported")
    if data.get("n") not in (None, 1) or isinstance(data.get("n"), bool):
        _refuse("n", "1", "unsupported")
    form = data.get("response_format")
    if form is not None and form != {"type": "text"}:
        _refuse("response_format", 'nothing, or {"type": "text"}', "unsupported")


def _question(messages: Any, limits: ServeLimits) -> str:
    """One question: the user's text alone, or the conversation with the messages before it."""
    if not isinstance(messages, list) or not messages:
        _refuse("messages", "a list of messages")
    if len(messages) > limits.messages:
        _refuse("messages", f"at most {limits.messages} messages", "too_many_messages")
    turns = [_message(i, message) for i, message in enumerate(messages)]
    if sum(len(text) for _, text in turns) > limits.characters:
        _refuse("messages", f"at most {limits.characters} characters", "context_length_exceeded")
    role, last = turns[-1]
    if role != "user" or not last.strip():
        _refuse(f"messages[{len(turns) - 1}]", "a text of the user's, which is not empty")
    if len(turns) == 1:
        return last
    earlier = [f"{_SPEAKERS[role]}: {text}" for role, text in turns[:-1] if text.strip()]
    return "\n\n".join([*earlier, f"User: {last}"])


def _message(i: int, message: Any) -> tuple[str, str]:
    at = f"messages[{i}]"
    if not isinstance(message, dict):
        _refuse(at, "an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _SPEAKERS:
        _refuse(f"{at}.role", ", ".join(_SPEAKERS))
    if message.get("tool_calls"):
        _refuse(f"{at}.tool_calls", "nothing", "unsupported")
    text = _content(f"{at}.content", message.get("content"))
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(f"{at}.content", "text that is valid Unicode")
    return role, text


def _content(at: str, content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        _refuse(at, "a text, or a list of parts of type text")
    parts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            _refuse(at, "parts of type text", "unsupported")
        parts.append(text)
    return "".join(parts)


def _budget(own: Mapping[str, Any], headers: Callable[[str], Sequence[str]]) -> QueryBudget:
    stated: dict[str, Any] = {}
    for name, header in (("cost_usd", COST_HEADER), ("latency_s", LATENCY_HEADER)):
        values: list[Any] = [_number(header, value) for value in headers(header)]
        if own.get(name) is not None:
            values.append(own[name])
        if len(values) > 1:
            _refuse(name, "one value, in a header or in the body")
        stated[name] = values[0] if values else None
    try:
        return QueryBudget(**stated)
    except ConfigError as error:
        return _refuse(error.field, error.allowed)


def _number(header: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return _refuse(header, "a number")


def _meta(own: Mapping[str, Any]) -> Mapping[str, str]:
    meta = own.get("meta") or {}
    if not isinstance(meta, dict) or not all(isinstance(v, str) for v in meta.values()):
        _refuse("abgnn.meta", "an object of texts")
    return meta


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        _refuse(name, "true or false")
    return bool(value)


def _refuse(param: str, allowed: str, code: str = "invalid_value") -> NoReturn:
    raise ApiError(400, f"{param}: allowed is {allowed}", code, param)


def _shown(value: Any) -> str:
    """A short form of a value that the client sent, for its error message."""
    return json.dumps(value)[:60] if isinstance(value, str) else type(value).__name__
