"""Slots, rates and the way concurrency adapts; on a clock that only tests move."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from abgnn.rollout.limits.rate import EndpointLimits
from abgnn.rollout.limits.token_bucket import TokenBucket


class Time:
    """A clock, and a sleep that ends when `pass_` has moved the clock there."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.now + seconds, id(woken), woken))
        await woken

    async def pass_(self, seconds: float) -> None:
        await settle()
        until = self.now + seconds
        while self.sleepers and self.sleepers[0][0] <= until:
            self.now, _, woken = heapq.heappop(self.sleepers)
            if not woken.done():
                woken.set_result(None)
            await settle()
        self.now = until


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Endpoint:
    """Limits on a test's own time, and who was let in, and when."""

    def __init__(self, max_concurrency: int, rpm: int | None = None, tpm: int | None = None):
        self.time = Time()
        self.limits = EndpointLimits(
            max_concurrency, rpm, tpm, clock=self.time.clock, sleep=self.time.sleep
        )
        self.let_in: list[tuple[int, float]] = []

    def ask(self, name: int, tokens: int = 0) -> asyncio.Task[None]:
        async def enter() -> None:
            await self.limits.acquire(tokens)
            self.let_in.append((name, self.time.now))

        return asyncio.create_task(enter())

    def done(self, *, limited: bool = False, used: int | None = 1, reserved: int = 1) -> None:
        self.limits.release(limited=limited, tokens_used=used, tokens_reserved=reserved)

    @property
    def names(self) -> list[int]:
        return [name for name, _ in self.let_in]


def on_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 10))

    run.__name__ = test.__name__
    return run


@on_a_loop
async def test_slots_are_passed_on_in_order() -> None:
    at = Endpoint(2)
    tasks = [at.ask(i) for i in range(5)]
    await settle()
    assert at.names == [0, 1]
    at.done()
    await settle()
    assert at.names == [0, 1, 2]
    at.done()
    at.done()
    await settle()
    assert at.names == [0, 1, 2, 3, 4]
    assert at.limits.in_flight == 2
    assert all(task.done() for task in tasks)


@on_a_loop
async def test_newcomers_do_not_overtake() -> None:
    at = Endpoint(1)
    first, second = at.ask(0), at.ask(1)
    await settle()
    at.done()
    third = at.ask(2)  # runs after the release, before the second has noticed its turn
    await settle()
    assert at.names == [0, 1]
    at.done()
    await asyncio.gather(first, second, third)
    assert at.names == [0, 1, 2]


@on_a_loop
async def test_cancelled_waiters_leak_nothing() -> None:
    at = Endpoint(1)
    tasks = [at.ask(i) for i in range(4)]
    await settle()
    tasks[1].cancel()  # the first in line
    tasks[2].cancel()
    await settle()
    at.done()
    await settle()
    assert at.names == [0, 3]
    at.done()
    assert at.limits.in_flight == 0


@on_a_loop
async def test_cancelled_at_the_moment_of_its_turn() -> None:
    at = Endpoint(1, rpm=10, tpm=600)
    tasks = [at.ask(i, tokens=10) for i in range(3)]
    await settle()
    await at.time.pass_(60)
    at.done(used=10, reserved=10)  # grants task 1, which has not run yet
    tasks[1].cancel()
    await settle()
    assert tasks[1].cancelled()
    assert at.names == [0, 2], "its turn, its request and its tokens go to the next"
    assert at.limits.in_flight == 1


@example(["ask", "ask", "ask", "limited", "ask", "done", "ask", "done"])  # overtook once
@given(st.lists(st.sampled_from(["ask", "done", "limited", "cancel", "wait"]), max_size=60))
def test_no_slot_is_lost_whatever_happens(steps: list[str]) -> None:
    async def play() -> None:
        at, ended = Endpoint(3, rpm=600, tpm=6000), 0
        tasks: list[asyncio.Task[None]] = []
        for i, step in enumerate(steps):
            if step == "ask":
                tasks.append(at.ask(len(tasks), tokens=50))
            elif step == "cancel" and tasks:
                tasks[i % len(tasks)].cancel()
            elif step == "wait":
                await at.time.pass_(0.3)
            elif len(at.names) > ended:
                at.done(limited=step == "limited", used=20, reserved=50)
                ended += 1
            if i % 2:  # some steps fall on the same turn of the loop
                await settle()
            assert 0 <= at.limits.in_flight <= 3
        await settle()
        while len(at.names) > ended:
            at.done()
            ended += 1
            await at.time.pass_(60)
        cancelled = {i for i, task in enumerate(tasks) if task.cancelled()}
        assert at.limits.in_flight == 0
        assert at.names == [i for i in range(len(tasks)) if i not in cancelled], "in order"

    asyncio.run(play())


@on_a_loop
async def test_a_burst_of_429_halves_once() -> None:
    at = Endpoint(16)
    for i in range(16):
        await at.ask(i)
    for _ in range(16):
        at.done(limited=True)
    assert at.limits.concurrency == 8
    await at.ask(16)
    at.done(limited=True)
    assert at.limits.concurrency == 4, "a call dispatched after the decrease tells something new"
    for _ in range(5):
        await at.ask(0)
        at.done(limited=True)
    assert at.limits.concurrency == 1, "never below one"


@on_a_loop
async def test_answers_add_a_slot_per_round() -> None:
    at = Endpoint(6)
    for _ in range(3):
        await at.ask(0)
        at.done(limited=True)
    assert at.limits.concurrency == 1
    rounds = []
    for _ in range(6):
        width = int(at.limits.concurrency)
        for _ in range(width):
            await at.ask(0)
        for _ in range(width):
            at.done()
        rounds.append(at.limits.concurrency)
    assert rounds[0] == 2
    assert all(b - a <= 1 for a, b in pairwise(rounds))
    assert rounds[3] >= 4
    for _ in range(20):
        await at.ask(0)
        at.done()
    assert at.limits.concurrency == 6, "up to what the catalogue allows"


@on_a_loop
async def test_calls_that_were_not_made_widen_nothing() -> None:
    at = Endpoint(4)
    await at.ask(0)
    at.done(limited=True)
    for _ in range(20):
        await at.ask(0)
        at.done(used=0)
    assert at.limits.concurrency == 2


@on_a_loop
async def test_a_lower_limit_holds_back_newcomers() -> None:
    at = Endpoint(4)
    tasks = [at.ask(i) for i in range(8)]
    await settle()
    at.done(limited=True)
    await settle()
    assert at.names == [0, 1, 2, 3], "three in flight, two allowed"
    at.done()
    at.done()
    await settle()
    assert at.names == [0, 1, 2, 3, 4]
    assert at.limits.in_flight == 2
    for task in tasks:
        task.cancel()


@on_a_loop
async def test_requests_per_minute() -> None:
    at = Endpoint(1000, rpm=60)
    tasks = [at.ask(i) for i in range(200)]
    await at.time.pass_(59.99)
    assert 60 <= len(at.let_in) <= 66, "a tenth of a minute's worth at once, then one a second"
    assert [name for name, when in at.let_in if when == 0] == list(range(6))
    await at.time.pass_(120)
    when = [moment for _, moment in at.let_in]
    for start in when[6:]:
        assert sum(start <= moment < start + 60 for moment in when) <= 60
    assert at.names == sorted(at.names)
    assert len(tasks) == 200
    for task in tasks:
        task.cancel()


@on_a_loop
async def test_tokens_are_corrected_when_the_call_has_ended() -> None:
    at = Endpoint(10, tpm=6000)  # 100 a second, 600 at once
    await at.ask(0, tokens=600)
    task = at.ask(1, tokens=600)
    await at.time.pass_(1)
    assert at.names == [0]
    at.done(used=100, reserved=600)  # 500 come back, 100 have come in: it is woken at once
    await settle()
    assert at.names == [0, 1]
    at.done(used=1200, reserved=600)  # 600 more than expected are owed
    late = at.ask(2, tokens=100)
    await at.time.pass_(6.9)
    assert at.names == [0, 1]
    await at.time.pass_(0.2)
    assert at.names == [0, 1, 2]
    assert task.done()
    assert late.done()


@on_a_loop
async def test_unknown_usage_counts_as_all_that_was_reserved() -> None:
    at = Endpoint(10, tpm=6000)
    await at.ask(0, tokens=600)
    at.done(used=None, reserved=600)
    task = at.ask(1, tokens=600)
    await at.time.pass_(5.9)
    assert at.names == [0]
    await at.time.pass_(0.2)
    assert task.done()


@on_a_loop
async def test_a_call_larger_than_the_bucket_waits_until_it_is_full() -> None:
    at = Endpoint(10, tpm=6000)
    await at.ask(0, tokens=5000)  # 4,400 on credit: due in 44 s, and full again after 50
    small, large = at.ask(1, tokens=100), at.ask(2, tokens=5000)
    await at.time.pass_(44.9)
    assert at.names == [0]
    await at.time.pass_(0.2)
    assert at.names == [0, 1]
    await at.time.pass_(5.8)
    assert at.names == [0, 1]
    await at.time.pass_(0.2)
    assert at.names == [0, 1, 2]
    assert small.done()
    assert large.done()


@on_a_loop
async def test_a_cancelled_giant_lets_the_small_ones_pass() -> None:
    at, others = Endpoint(10, tpm=6000), asyncio.all_tasks()
    await at.ask(0, tokens=500)
    giant, small = at.ask(1, tokens=5000), at.ask(2, tokens=100)
    await settle()
    assert at.names == [0]
    giant.cancel()
    await settle()
    assert at.names == [0, 2]
    assert small.done()
    assert asyncio.all_tasks() == others, "no timer is left behind"


def test_bucket_keeps_its_rate_over_any_use() -> None:
    clock = Time()
    bucket, taken = TokenBucket(7, clock.clock), 0
    for _ in range(10_000):
        clock.now += 0.13
        while bucket.wait(1) == 0:
            bucket.take(1)
            taken += 1
    assert taken == pytest.approx(7 * clock.now / 60, abs=1.5)
    assert bucket.capacity == 1, "at least one"
    assert TokenBucket(600, clock.clock).capacity == 60


@on_a_loop
async def test_a_free_slot_costs_little() -> None:
    limits, n = EndpointLimits(64, rpm=10**9, tpm=10**12), 5000
    began = time.thread_time()
    for _ in range(n):
        await limits.acquire(100)
        limits.release(limited=False, tokens_used=50, tokens_reserved=100)
    assert (time.thread_time() - began) / n < 50e-6  # about 3e-6 on an idle core
