"""What clients of the soak send: kinds of requests, how often each comes, and what must come back.

A fault of the provider is commanded by a marker in the question, so that every client knows which
result is its own: a question without a marker has to be answered.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KEY_ENV, KEY = "ABGNN_SOAK_KEY", "soak-key-of-this-run"
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
ANSWERED, LEFT, CLOSED = "answered", "left", "closed"


@dataclass(frozen=True, slots=True)
class Sent:
    """The bytes of a request, and whether its client leaves: after so many seconds, or reads."""

    data: bytes
    leaves_s: float | None = None
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    Args:
        name: in the table.
        weight: how often it comes, beside the others.
        make: a new request, from chance and a number that no other request has.
        expected: results that are right; every other one is an error.
        injected: whether a right result is the failure that was injected.
        connection: whether the connection may be used again afterwards.
    """

    name: str
    weight: float
    make: Callable[[random.Random, int], Sent]
    expected: frozenset[str]
    injected: bool = False
    connection: bool = True


def http(path: str, body: bytes | None = None, *headers: str, key: str | None = KEY) -> bytes:
    """A request; POST where there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: x", *headers]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def question(path: str, text: str, *headers: str, key: str | None = KEY, **fields: Any) -> bytes:
    """A request for an answer, by either API."""
    said = (
        {"input": text} if path == RESPONSES else {"messages": [{"role": "user", "content": text}]}
    )
    return http(path, json.dumps({"model": "abgnn", **said, **fields}).encode(), *headers, key=key)


def new(rng: random.Random, number: int, mark: str = "") -> str:
    """A question that nobody has asked."""
    return f"{mark}What is {number} times {rng.randrange(10**6)}, in words?"


def _asked(path: str, mark: str = "", **fields: Any) -> Callable[[random.Random, int], Sent]:
    return lambda rng, n: Sent(question(path, new(rng, n, mark), **fields))


def _again(rng: random.Random, number: int) -> Sent:
    """One of twenty questions, which are soon on record."""
    stream = rng.random() < 0.5
    return Sent(question(CHAT, f"What is {rng.randrange(20)} plus 7?", stream=stream))


def _leaves(rng: random.Random, number: int) -> Sent:
    """Streamed, and left after some of it."""
    path = rng.choice([CHAT, RESPONSES])
    return Sent(question(path, new(rng, number), stream=True), leaves_after=rng.randint(1, 30))


def _hangs_up(rng: random.Random, number: int) -> Sent:
    """Whole, and left before it comes, at once too."""
    data = question(rng.choice([CHAT, RESPONSES]), new(rng, number))
    return Sent(data, leaves_s=rng.choice([0.0, rng.random()]))


def _budgeted(cost: float, seconds: float) -> Callable[[random.Random, int], Sent]:
    """A budget in the body, in headers, or in the metadata."""

    def make(rng: random.Random, number: int) -> Sent:
        text, path, way = new(rng, number), rng.choice([CHAT, RESPONSES]), rng.randrange(3)
        if way == 0:
            return Sent(question(path, text, abgnn={"cost_usd": cost, "latency_s": seconds}))
        if way == 1:
            headers = (f"X-Abgnn-Cost-Usd: {cost}", f"X-Abgnn-Latency-S: {seconds}")
            return Sent(question(path, text, *headers))
        stated = {"abgnn.cost_usd": str(cost), "abgnn.latency_s": str(seconds)}
        return Sent(question(path, text, metadata=stated))

    return make


_LONG = b'{"model":"abgnn","messages":[{"role":"user","content":"' + b"x" * 300_000 + b'"}]}'
_HOSTILE = (
    http(CHAT, b"{"),
    http(CHAT, b"[" * 9000),
    http(CHAT, b'{"model":"abgnn","messages":NaN}'),
    http(CHAT, b'{"model":"../../etc/passwd","messages":[]}'),
    http(CHAT, b"\xff\x00" * 500),
    http(CHAT, _LONG),
    http(RESPONSES, b'{"model":"abgnn","input":"\\ud800"}'),
    http(RESPONSES, b'{"model":"abgnn","input":"Q?","tools":[{"type":"code_interpreter"}]}'),
    http(RESPONSES, b'{"model":"abgnn","input":"Q?","previous_response_id":"../../etc/passwd"}'),
    http("/v1/abgnn/offer", b'{"question":"' + b"x" * 300_000 + b'"}'),
    http("/v1/abgnn/offer", b'{"cost_usd":"; drop table accounts"}'),
    http("/nowhere"),
    http(CHAT, None, "Content-Length: 99999999999").replace(b"GET", b"POST"),
    http(CHAT, b"hello", "Content-Length: 6"),
    http(CHAT, None, "Transfer-Encoding: chunked").replace(b"GET", b"POST") + b"f" * 18 + b"\r\n",
    http(CHAT, None, "X-Long: " + "x" * 90_000),
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\r\n\r\n",
)  # fmt: skip


def _hostile(rng: random.Random, number: int) -> Sent:
    return Sent(rng.choice(_HOSTILE))


def _unfinished(rng: random.Random, number: int) -> Sent:
    """Less than was promised; then the client is gone."""
    whole = question(CHAT, new(rng, number))
    return Sent(whole[: rng.randrange(len(whole))], leaves_s=rng.random())


def _keyless(rng: random.Random, number: int) -> Sent:
    key = rng.choice([None, "wrong", KEY[:-1]])
    path = rng.choice(["/metrics", "/v1/models", "/v1/abgnn/spending", CHAT])
    if path != CHAT:
        return Sent(http(path, key=key))
    return Sent(question(CHAT, new(rng, number), key=key))


def _offer(rng: random.Random, number: int) -> Sent:
    body = {"question": new(rng, number), "cost_usd": rng.random(), "latency_s": 60 * rng.random()}
    return Sent(http("/v1/abgnn/offer", json.dumps(body).encode()))


def _page(rng: random.Random, number: int) -> Sent:
    path = rng.choice(["/", "/metrics", "/healthz", "/v1/models"])
    return Sent(http(path))


def _gets(path: str) -> Callable[[random.Random, int], Sent]:
    return lambda rng, number: Sent(http(path))


def _fault(
    name: str,
    weight: float,
    expected: str,
    path: str = CHAT,
    times: int | None = None,
    **fields: Any,
) -> Kind:
    """A question whose calls meet a fault, always or so many times."""
    mark = f"[[fault:{name}]] " if times is None else f"[[fault:{name}*{times}]] "
    told = f"{name}, {'always' if times is None else times}"
    told += ", streamed" if fields.get("stream") else ""
    failed = expected != ANSWERED
    return Kind(
        f"provider: {told}", weight, _asked(path, mark, **fields), frozenset({expected}), failed
    )


_OK = frozenset({ANSWERED})
KINDS = (
    Kind("chat", 20, _asked(CHAT), _OK),
    Kind("chat, streamed", 16, _asked(CHAT, stream=True), _OK),
    Kind("Responses", 8, _asked(RESPONSES), _OK),
    Kind("Responses, streamed", 8, _asked(RESPONSES, stream=True), _OK),
    Kind("asked before", 5, _again, _OK),
    Kind("left within a stream", 7, _leaves, frozenset({LEFT, ANSWERED}), connection=False),
    Kind("left before the answer", 5, _hangs_up, frozenset({LEFT, ANSWERED}), connection=False),
    Kind("budget that is met", 6, _budgeted(0.01, 100.0), _OK),
    Kind("budget: too few USD", 4, _budgeted(1e-9, 100.0), frozenset({"422 budget"})),
    Kind("budget: too few seconds", 3, _budgeted(0.01, 0.01), frozenset({"504 deadline"})),
    Kind("budget: none", 2, _budgeted(-1.0, 100.0), frozenset({"400 invalid_value"})),
    Kind("no key, or a wrong one", 3, _keyless, frozenset({"401 invalid_api_key"})),
    Kind("hostile", 6, _hostile, frozenset({"4xx", CLOSED}), connection=False),
    Kind("unfinished", 2, _unfinished, frozenset({LEFT, "4xx"}), connection=False),
    Kind("offer", 3, _offer, _OK),
    Kind("frontier", 2, _gets("/v1/abgnn/frontier"), _OK),
    Kind("spending", 3, _gets("/v1/abgnn/spending"), _OK),
    Kind("page, metrics, models", 4, _page, _OK),
    _fault("429", 3, ANSWERED, times=2),
    _fault("500", 2, ANSWERED, times=2),
    _fault("reset", 1, ANSWERED, RESPONSES, times=1),
    _fault("hang", 0.3, ANSWERED, times=1),
    _fault("slow", 2, ANSWERED, RESPONSES),
    _fault("400", 1, "502 status"),
    _fault("malformed", 2, "502 malformed", RESPONSES),
    _fault("empty", 2, "502 empty"),
    _fault("stream-cut", 2, "stream connection", stream=True),
    _fault("stream-malformed", 2, "stream malformed", RESPONSES, stream=True),
    _fault("stream-empty", 1, "stream empty", stream=True),
)  # fmt: skip
