"""`AnswerRequest`: the question, budget and options of a request, and what both APIs read alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.serve.query_budget import QueryBudget

MODEL = "abgnn"
COST_HEADER, LATENCY_HEADER = "x-abgnn-cost-usd", "x-abgnn-latency-s"
BUDGETS = {"cost_usd": COST_HEADER, "latency_s": LATENCY_HEADER}
Headers: TypeAlias = Callable[[str], Sequence[str]]  # name → all its values

_TRACE = ("traceparent", "tracestate")
_OWN = "abgnn."  # begins the keys of metadata that are ours
_PAIRS, _KEY, _VALUE = 16, 64, 512  # most pairs of metadata, characters of a key, of a value


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


def stopping() -> ApiError:
    """The refusal of a server that stops."""
    return ApiError(503, "the server is stopping", "stopping", type_="api_error")


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A valid request.

    Args:
        query: the conversation as one question.
        budget: of this question alone.
        stream: send events as they happen.
        include_usage: end a chat's stream with tokens.
        trace: put every call's text into the account.
        ignored: parameters of the request that have no effect here.
        headers: the trace context (W3C) that the request came with.
        metadata: the client's own pairs; a response repeats them.
        instructions: a response repeats them, too.
    """

    query: Query
    budget: QueryBudget = field(default_factory=QueryBudget)
    stream: bool = False
    include_usage: bool = False
    trace: bool = False
    ignored: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    instructions: str | None = None


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request for our model.

    Raises:
        ApiError: it is none, or names another model.
    """
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not valid JSON", "invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, "the body is not a JSON object", "invalid_json")
    if data.get("model") != MODEL:
        message = f"the model {_shown(data.get('model'))} does not exist; here it is {MODEL!r}"
        raise ApiError(404, message, "model_not_found", "model")
    return data


def answer_request(
    data: Mapping[str, Any], question: str, headers: Headers, understood: set[str], **more: Any
) -> AnswerRequest:
    """A request with what both APIs state alike. The query's domain is left empty.

    Args:
        data: the body; `abgnn` in it has `cost_usd`, `latency_s`, `trace`, `meta` (of the `Query`:
            kinds that plans may distinguish); budgets may be stated in its `metadata` instead.
        question: the whole conversation.
        headers: budgets may be stated there instead, too.
        understood: parameters that have an effect; all others are listed as ignored.
        more: further fields.
    """
    own = data.get("abgnn", {})
    if not isinstance(own, dict) or own.keys() - {*BUDGETS, "trace", "meta"}:
        refuse("abgnn", "an object of cost_usd, latency_s, trace and meta")
    metadata = _metadata(data)
    digest = hashlib.sha256(question.encode()).hexdigest()[:32]
    known = understood | {"model", "stream", "metadata", "abgnn"}
    return AnswerRequest(
        Query(f"chat/{digest}", question, "", meta=_meta(own)),
        _budget(own, metadata, headers),
        flag(data, "stream"),
        trace=flag(own, "trace"),
        ignored=tuple(sorted(k for k, v in data.items() if k not in known and v is not None)),
        headers={name: ",".join(values) for name in _TRACE if (values := headers(name))},
        metadata=metadata,
        **more,
    )


def _budget(own: Mapping[str, Any], metadata: Mapping[str, str], headers: Headers) -> QueryBudget:
    stated: dict[str, Any] = {}
    for name, header in BUDGETS.items():
        key = f"{_OWN}{name}"
        values: list[Any] = [_number(header, value) for value in headers(header)]
        if key in metadata:
            values.append(_number(f"metadata.{key}", metadata[key]))
        if own.get(name) is not None:
            values.append(own[name])
        if len(values) > 1:
            refuse(name, "one value, in a header, in metadata or in the body")
        stated[name] = values[0] if values else None
    try:
        return QueryBudget(**stated)
    except ConfigError as error:
        return refuse(error.field, error.allowed)


def _number(at: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return refuse(at, "a number")


def _metadata(data: Mapping[str, Any]) -> Mapping[str, str]:
    pairs = data.get("metadata") or {}
    if not (
        isinstance(pairs, dict)
        and len(pairs) <= _PAIRS
        and all(isinstance(value, str) and len(value) <= _VALUE for value in pairs.values())
        and all(len(key) <= _KEY for key in pairs)
    ):
        refuse("metadata", f"at most {_PAIRS} texts of at most {_VALUE} characters")
    for key in pairs:
        if key.startswith(_OWN) and key.removeprefix(_OWN) not in BUDGETS:
            refuse(f"metadata.{key}", ", ".join(f"{_OWN}{name}" for name in BUDGETS))
    return pairs


def _meta(own: Mapping[str, Any]) -> Mapping[str, str]:
    meta = own.get("meta") or {}
    if not isinstance(meta, dict) or not all(isinstance(v, str) for v in meta.values()):
        refuse("abgnn.meta", "an object of texts")
    return meta


def flag(data: Mapping[str, Any], name: str) -> bool:
    """A field that is true, false or left out."""
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        refuse(name, "true or false")
    return bool(value)


def refuse(param: str, allowed: str, code: str = "invalid_value") -> NoReturn:
    """
    Raises:
        ApiError: it names the field and what is allowed.
    """
    raise ApiError(400, f"{param}: allowed is {allowed}", code, param)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _shown(value: Any) -> str:
    """A short form of a value that the client sent, for its error message."""
    return json.dumps(value)[:60] if isinstance(value, str) else type(value).__name__
