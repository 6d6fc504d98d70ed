"""Clients of the soak: each sends one request after the other and notes what came back."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from scripts.bench.soak_questions import ANSWERED, CLOSED, KINDS, LEFT, Kind, Sent

_PATIENCE_S = 150.0  # a request that takes longer is an error
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Seen:
    """Results by kind of request, and the first few of those that nobody expected."""

    results: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    strange: list[str] = field(default_factory=list)
    injected: int = 0
    others: int = 0
    slowest: float = 0.0

    def note(self, kind: Kind, sent: Sent, result: str, seconds: float) -> None:
        """One result; of 4xx the family is enough where the kind says so."""
        family = "4xx" if result.startswith("4") else result
        right = kind.expected & {result, family}
        self.results[kind.name][result] += 1
        self.injected += bool(right) and kind.injected
        self.slowest = max(self.slowest, seconds)
        if not right:
            self.others += 1
            self.strange.append(f"{kind.name}: {result} after {seconds:.1f} s: {sent.data[:200]!r}")


class Clients:
    """So many of them, at one server.

    Args:
        port: of the server.
        seed: of what they send.
    """

    def __init__(self, port: int, seed: int) -> None:
        self.port, self.seen, self._rng, self._numbers = port, Seen(), random.Random(seed), count(1)

    async def until(self, end: float, n: int) -> None:
        """All of them, until this moment of `time.monotonic`."""
        await asyncio.gather(*(self._client(end) for _ in range(n)))

    async def each(self, kinds: Sequence[Kind], times: int) -> None:
        """Every kind so many times, all at once."""
        await asyncio.gather(*(self._one(kind, None) for kind in kinds for _ in range(times)))

    async def _client(self, end: float) -> None:
        pair: Pair | None = None
        weights = [kind.weight for kind in KINDS]
        while time.monotonic() < end:
            [kind] = self._rng.choices(KINDS, weights)
            pair = await self._one(kind, pair)
            if pair is not None and self._rng.random() < 0.1:
                pair = await _closed(pair)
        await _closed(pair)

    async def _one(self, kind: Kind, pair: Pair | None) -> Pair | None:
        """Send one and note its result; the connection, if it may be used again."""
        sent = kind.make(self._rng, next(self._numbers))
        began = time.monotonic()
        used = pair is not None and not pair[0].at_eof()
        if not used or pair is None:
            await _closed(pair)
            pair = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            result = await asyncio.wait_for(exchange(*pair, sent), _PATIENCE_S)
        except asyncio.TimeoutError:
            result = f"nothing for {_PATIENCE_S:g} s"
        if result == CLOSED and used:  # it had been idle for too long: so does HTTP allow
            await _closed(pair)
            return await self._one(kind, None)
        self.seen.note(kind, sent, result, time.monotonic() - began)
        if kind.connection and result[:3] in (ANSWERED[:3], "401"):
            return pair
        return await _closed(pair)


async def _closed(pair: Pair | None) -> None:
    if pair is not None:
        pair[1].close()
        with suppress(OSError):
            await pair[1].wait_closed()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent) -> str:
    """Send a request; what came back, in a few words."""
    try:
        writer.write(sent.data)
        return await asyncio.wait_for(_reply(reader, sent.leaves_after), sent.leaves_s)
    except asyncio.TimeoutError:
        return LEFT
    except (OSError, asyncio.IncompleteReadError):
        return CLOSED


async def _reply(reader: asyncio.StreamReader, most: int | None) -> str:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    status, length = int(lines[0].split()[1]), 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name == "transfer-encoding" and status == 200:
            return await _stream(reader, most)
        length = int(value) if name == "content-length" else length
    body = await reader.readexactly(length)
    return ANSWERED if status == 200 else f"{status} {_code(body)}".strip()


async def _stream(reader: asyncio.StreamReader, most: int | None) -> str:
    """Whether a stream of server-sent events ended as it should; LEFT after `most` chunks."""
    last = b""
    for number in count(1):
        if number == most:
            return LEFT
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            return _ended(last)
        last = chunk
    raise AssertionError


def _ended(last: bytes) -> str:
    events = last.decode().strip().split("\n\n")
    data = events[-1].rpartition("data: ")[2]
    if data == "[DONE]":
        return ANSWERED
    try:
        told = json.loads(data)
    except ValueError:
        return f"stream that ends with {last[-60:]!r}"
    if told.get("type") in ("response.completed", "response.incomplete"):
        return ANSWERED
    wrong = told.get("error") or told.get("response", {}).get("error") or {}
    kind = wrong.get("type") if "response" in told else wrong.get("code")
    return f"stream {kind}"


def _code(body: bytes) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["error"]["code"])
    return ""
