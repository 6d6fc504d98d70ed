"""Every way in which the stub misbehaves: which fault a request meets, and what goes wrong.

A fault is commanded by a marker in the request, `[[fault:reset]]` (always) or
`[[fault:reset*2]]` (the first two attempts with this body), or drawn: each kind has a share, and
seed, body and attempt decide, so that a retry may fare better and a repeated run fares the same.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Literal

from tests.servers.replies import Reply, event

Way = Literal[
    "whole", "trickle", "hang", "reset", "close", "late-headers", "endless", "stream", "stream-cut"
]
_MARKER = re.compile(rb"\[\[fault:([a-z0-9-]+)(?:\*(\d+))?\]\]")


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire, and what the provider charges for.

    Args:
        body: of the response.
        status: HTTP status.
        headers: on top of the usual ones.
        way: how the bytes are sent.
        events: of a stream, in place of a body.
        billed: whether the reply's tokens are charged.
    """

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    way: Way = "whole"
    billed: bool = True
    events: tuple[bytes, ...] = ()


def commanded(body: bytes, attempt: int) -> str | None:
    """The fault that a request asks for."""
    found = _MARKER.search(body)
    if found is None or (found[2] is not None and attempt > int(found[2])):
        return None
    return found[1].decode()


def drawn(shares: Mapping[str, float], seed: int, sha: str, attempt: int) -> str | None:
    """The fault that chance has for an attempt with a body; the shares add up to 1 at most."""
    digest = hashlib.sha256(f"{seed}/{sha}/{attempt}".encode()).digest()
    left = int.from_bytes(digest[:8], "big") / 2**64
    for kind, share in shares.items():
        left -= share
        if left < 0:
            return kind
    return None


def good(reply: Reply, **message: Any) -> Sent:
    """An answer as it should be, or with other fields in its message."""
    return Sent(json.dumps(reply.body(**message)).encode())


def answered(reply: Reply) -> Sent:
    """What a request gets: a stream, if it asks for one."""
    return stream(reply.events()) if reply.streamed else good(reply)


def stream(events: tuple[bytes, ...], way: Way = "stream") -> Sent:
    """Server-sent events."""
    return Sent(headers=(("Content-Type", "text/event-stream"),), way=way, events=events)


def _spoilt(reply: Reply, *instead: bytes) -> Sent:
    """A stream with other events after its first few."""
    return stream((*reply.events()[:4], *instead))


def refused(status: int, *headers: tuple[str, str], code: str = "stub") -> Sent:
    """An HTTP error, which is never charged."""
    said = {"error": {"message": f"stub says {status}", "type": "stub", "code": code}}
    return Sent(json.dumps(said).encode(), status, headers, billed=False)


def misbehave(kind: str, reply: Reply) -> Sent:
    """What a fault makes of a reply.

    Raises:
        KeyError: no such fault.
    """
    return (FAULTS | STREAM_FAULTS)[kind](reply)


def _date_after(seconds: float) -> str:
    then = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return format_datetime(then, usegmt=True)


def _changed(reply: Reply, **fields: Any) -> Sent:
    """An answer whose top-level fields are replaced."""
    return Sent(json.dumps(reply.body() | fields).encode())


def _finish(reply: Reply, reason: str, text: str) -> Sent:
    return good(replace(reply, finish=reason, text=text))


def _cut(reply: Reply) -> Sent:
    whole = good(reply)
    return replace(whole, body=whole.body[: len(whole.body) // 2])


def _raw_text(reply: Reply, raw: bytes) -> Sent:
    """An answer with these bytes put into the JSON string, as they are, before its text."""
    return Sent(good(reply, content="@@" + reply.text).body.replace(b"@@", raw, 1))


@lru_cache(maxsize=1)
def bomb() -> bytes:
    """50 MB of JSON in some 200 kB; takes a while to make, so a server makes it beforehand."""
    letters = b"A" * 50_000_000
    return gzip.compress(b'{"choices": [{"message": {"content": "' + letters + b'"}}]}', 1)


@lru_cache(maxsize=1)
def _long_error() -> bytes:
    return b"E" * 20_000_000


def _bombed(reply: Reply) -> Sent:
    return Sent(bomb(), headers=(("Content-Encoding", "gzip"),))


def _gzipped(reply: Reply) -> Sent:
    return Sent(gzip.compress(good(reply).body), headers=(("Content-Encoding", "gzip"),))


def _huge_event() -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": "A" * 1_000_000}}]})


def _with_deltas(reply: Reply, *texts: str) -> tuple[bytes, ...]:
    """The stream with these texts in place of its words."""
    first, *_, finish, usage, done = reply.events()
    words = [event({"choices": [{"index": 0, "delta": {"content": text}}]}) for text in texts]
    return (first, *words, finish, usage, done)


def _by(way: Way) -> Callable[[Reply], Sent]:
    return lambda reply: replace(good(reply), way=way)


def _wrong_counts(reply: Reply) -> Sent:
    usage = {"prompt_tokens": str(reply.prompt_tokens), "completion_tokens": 2.5}
    return _changed(reply, usage=usage)


FAULTS: dict[str, Callable[[Reply], Sent]] = {
    "400": lambda r: refused(400),
    "400-filter": lambda r: refused(400, code="content_filter"),
    "401": lambda r: refused(401),
    "408": lambda r: refused(408),
    "409": lambda r: refused(409),
    "429": lambda r: refused(429, ("Retry-After", "0.2")),
    "429-date": lambda r: refused(429, ("Retry-After", _date_after(2))),
    "429-ms": lambda r: refused(429, ("Retry-After-Ms", "150"), ("Retry-After", "9")),
    "500": lambda r: refused(500),
    "503": lambda r: refused(503, ("Retry-After", "0.1")),
    "500-huge": lambda r: Sent(_long_error(), 500, billed=False),
    "redirect": lambda r: Sent(b"", 307, (("Location", "@other/elsewhere"),), billed=False),
    "html": lambda r: Sent(b"<html><h1>It works!</h1></html>", billed=False),
    "malformed": lambda r: Sent(b"{'choices': " + r.text.encode() + b"}"),
    "truncated-json": _cut,
    "list-body": lambda r: Sent(json.dumps([r.body()]).encode()),
    "deep": lambda r: Sent(b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "huge-int": lambda r: Sent(good(r).body[:-1] + b', "n": ' + b"9" * 10_000 + b"}"),
    "wrong-types": lambda r: _changed(r, choices={"0": r.text}),
    "number": lambda r: good(r, content=42),
    "no-choices": lambda r: _changed(r, choices=[]),
    "error-200": lambda r: Sent(b'{"error": {"message": "upstream is full", "code": 502}}'),
    "empty": lambda r: good(r, content=""),
    "blank": lambda r: good(r, content=" \n\t "),
    "null": lambda r: good(r, content=None),
    "filter": lambda r: _finish(r, "content_filter", "I was going to"),
    "length": lambda r: _finish(r, "length", r.text[: len(r.text) // 2]),
    "length-empty": lambda r: _finish(r, "length", ""),
    "refusal": lambda r: good(r, content=None, refusal=r.text),
    "parts": lambda r: good(r, content=[{"type": "text", "text": t} for t in (r.text, "!")]),
    "no-usage": lambda r: _changed(r, usage=None),
    "wrong-usage": _wrong_counts,
    "negative-usage": lambda r: _changed(r, usage=r.usage() | {"completion_tokens": -5}),
    "nan-usage": lambda r: _changed(r, usage=r.usage() | {"prompt_tokens": float("nan")}),
    "huge": lambda r: good(r, content="A" * 10_000_000),
    "gzip": _gzipped,
    "gzip-bomb": _bombed,
    "gzip-lie": lambda r: replace(good(r), headers=(("Content-Encoding", "gzip"),)),
    "surrogates": lambda r: _raw_text(r, rb"\ud800 \ud83d\ude00 "),
    "control": lambda r: _raw_text(r, b"\\u0000\\u001b[31m\x07\x00\\r\\n"),
    "bad-utf8": lambda r: _raw_text(r, b"\xff\xfe "),
    "bom": lambda r: Sent(b"\xef\xbb\xbf" + good(r).body),
    "slow": _by("trickle"),
    "slow-headers": _by("late-headers"),
    "hang": _by("hang"),
    "reset": _by("reset"),
    "close": lambda r: Sent(way="close", billed=False),
    "endless": _by("endless"),
}
"""Of whole replies; a request for a stream gets them too."""

STREAM_FAULTS: dict[str, Callable[[Reply], Sent]] = {
    "stream-cut": lambda r: stream(r.events()[:5], "stream-cut"),
    "stream-short": lambda r: stream(r.events()[:5]),
    "stream-no-usage": lambda r: stream(r.events(usage=None)),
    "stream-malformed": lambda r: _spoilt(r, b"data: {'choices': oops}\n\n"),
    "stream-error": lambda r: _spoilt(r, event({"error": {"message": "full", "code": 503}})),
    "stream-huge": lambda r: _spoilt(r, *[_huge_event()] * 10, *r.events()[4:]),
    "stream-bytes": lambda r: _spoilt(r, b": " + b"x" * 20_000_000 + b"\n\n"),
    "stream-empty": lambda r: stream((r.events()[0], *r.events()[-3:])),
    "stream-filter": lambda r: stream(replace(r, finish="content_filter").events()),
    "stream-blank": lambda r: stream(_with_deltas(r, "\n ", "A", " \r", "\n", "B")),
    "stream-odd": lambda r: stream(_with_deltas(r, "\ud83d", "\ude00", " \ud800", "\x1b[31m", "C")),
    "stream-refusal": lambda r: stream(
        tuple(e.replace(b'"content"', b'"refusal"') for e in r.events())
    ),
}
