"""`EndpointLimits`: how many calls an endpoint gets at once, and per minute."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from abgnn.rollout.limits.token_bucket import TokenBucket

Turn = asyncio.Future[None]


class Bucket(Protocol):
    """Units that calls take: of requests, or of tokens."""

    def wait(self, units: float) -> float: ...
    def take(self, units: float) -> None: ...
    def give(self, units: float) -> None: ...


class EndpointLimits:
    """Slots and rates of one endpoint, for one event loop.

    Waiting calls are served oldest rollout first, so that it can finish; calls of the same age in
    the order they came.

    Concurrency adapts as congestion control does (additive increase, multiplicative decrease):
    an answer adds 1/limit, so about one slot per round of calls, and a 429 halves the limit.
    Calls that were in flight when it was halved say nothing about the new limit: until as many
    calls have ended, no answer changes it again.

    Args:
        max_concurrency: calls in flight at most, from 1; also what it starts with.
        rpm, tpm: requests and tokens per minute; None: no limit.
        clock, sleep: where time comes from.
    """

    def __init__(
        self,
        max_concurrency: int,
        rpm: int | None = None,
        tpm: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        assert max_concurrency >= 1
        self.max_concurrency, self.in_flight = max_concurrency, 0
        self._limit, self._stale, self._sleep = float(max_concurrency), 0, sleep
        self._requests: Bucket | None = None if rpm is None else TokenBucket(rpm, clock)
        self._tokens: Bucket | None = None if tpm is None else TokenBucket(tpm, clock)
        self._waiting: list[tuple[int, int, Turn, int]] = []  # a heap: age, number, turn, tokens
        self._granted = 0  # turns of calls that have not started yet: no other call overtakes them
        self._numbers = count()
        self._timer: asyncio.Future[None] | None = None

    @property
    def concurrency(self) -> float:
        """Calls that may be in flight now; the whole part counts."""
        return self._limit

    async def acquire(self, tokens: int, age: int = 0) -> None:
        """Wait for a slot, then for one request and `tokens` tokens; `release` gives them back.

        A call larger than what the token bucket holds starts when that is full. Cancelled, it
        leaves nothing behind.

        Args:
            tokens: what the call is expected to use.
            age: of the rollout that calls; the lowest is served first.
        """
        if not self._waiting and not self._granted and self._delay(tokens) == 0:
            self._take(tokens)
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (age, next(self._numbers), turn, tokens))
        self._serve()
        try:
            if turn.done():  # calls whose turn came before start first
                await asyncio.sleep(0)
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted and cancelled at the same moment
                self._granted -= 1
                self._untake(tokens)
            self._serve()
            raise
        self._granted -= 1

    def release(self, *, limited: bool, tokens_used: int | None, tokens_reserved: int) -> None:
        """A call has ended.

        Args:
            limited: the server answered 429.
            tokens_used: what it was counted for; None: unknown, so all that was reserved; 0: it
                was not made or failed, which says nothing about the limit.
            tokens_reserved: as passed to `acquire`.
        """
        self.in_flight -= 1
        assert self.in_flight >= 0, "released more often than acquired"
        if self._tokens is not None and tokens_used is not None:
            self._tokens.give(tokens_reserved - tokens_used)
        self._adapt(limited, answered=tokens_used != 0)
        if self._waiting:
            self._serve()

    def _adapt(self, limited: bool, answered: bool) -> None:
        if self._stale:
            self._stale -= 1
        elif limited:
            self._limit = max(1.0, self._limit / 2)
            self._stale = self.in_flight
        elif answered:
            self._limit = min(float(self.max_concurrency), self._limit + 1 / self._limit)

    def _delay(self, tokens: int) -> float | None:
        """Seconds until such a call may start; None: when another call has ended."""
        if self.in_flight >= int(self._limit):
            return None
        requests = 0.0 if self._requests is None else self._requests.wait(1)
        return requests if self._tokens is None else max(requests, self._tokens.wait(tokens))

    def _take(self, tokens: int) -> None:
        self.in_flight += 1
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)

    def _untake(self, tokens: int) -> None:
        self.in_flight -= 1
        if self._requests is not None:
            self._requests.give(1)
        if self._tokens is not None:
            self._tokens.give(tokens)

    def _serve(self) -> None:
        """Start waiting calls in order while the limits allow; else set a timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            _, _, turn, tokens = self._waiting[0]
            if not turn.done():
                delay = self._delay(tokens)
                if delay is None:
                    return
                if delay > 0:
                    self._timer = asyncio.ensure_future(self._serve_in(delay))
                    return
                self._take(tokens)
                turn.set_result(None)
                self._granted += 1
            heapq.heappop(self._waiting)

    async def _serve_in(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._timer = None
        self._serve()
