"""Limits that processes share: by the database's functions alone, and through whole processes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import pytest

from abgnn.data.backbone import Usage
from abgnn.rollout import CallError
from abgnn.rollout.ledger.base import LedgerAway
from abgnn.rollout.ledger.postgres_limits import Grant, Wish
from abgnn.rollout.limits.breaker import CircuitBreaker
from abgnn.rollout.limits.endpoint import EndpointGuard
from abgnn.rollout.limits.leased import LeasedLimits
from abgnn.rollout.settings import Breaker
from tests.rollout.helpers import backbone
from tests.rollout.ledger.places import Place, new_schema
from tests.rollout.ledger.storms import begin
from tests.servers.fixtures import spawned
from tests.servers.postgres import Postgres

postgres_ = pytest.importorskip("abgnn.rollout.ledger.postgres", reason="needs psycopg")

WISH = Wish("http://a", 10.0, 0.0, 0.0, None, 0.0, 0.0, 8, 0, 0, "", 30.0)


@pytest.fixture
def here(postgres: Postgres) -> Place:
    return new_schema(postgres)


@pytest.fixture
def pair(here: Place) -> Iterator[list[postgres_.PostgresLedger]]:  # type: ignore[name-defined]
    both = [postgres_.PostgresLedger(here.path, owner=f"host {i}") for i in range(2)]
    yield both
    for one in both:
        one.close()


def asked(ledger: object, **changes: object) -> Grant:
    grant: Grant = ledger.leasing(replace(WISH, **changes)).result()  # type: ignore[attr-defined]
    return grant


@pytest.mark.xdist_group("postgres")
class TestDatabase:
    def test_requests_come_at_the_rate_and_no_faster(self, pair: list[object], here: Place) -> None:
        def clock() -> float:
            [(seconds,)] = here.rows("SELECT at FROM endpoints")
            return float(seconds)

        asked(pair[0], requests=9.0)
        began = clock()
        got = [asked(pair[i % 2], requests=9.0).requests for i in range(12)]
        asked(pair[0], requests_back=2.0)
        assert sum(got) <= 1 + 10 * (clock() - began)
        here.change("UPDATE endpoints SET at = at - 3600")
        assert asked(pair[1], requests=99.0).requests == 5, "a bucket holds half a second's worth"
        assert asked(pair[1], requests_back=3.0).requests == 0
        assert asked(pair[0], requests=9.0).requests >= 3, "what is not used goes to others"

    def test_slots_are_never_more_than_the_limit(self, pair: list[object]) -> None:
        assert asked(pair[0], slots=8).slots == 8
        assert asked(pair[1], slots=8).slots == 0
        assert asked(pair[0], slots=8, busy=8).slots == 8, "what is in flight is not taken away"
        assert asked(pair[0], slots=8, busy=5).slots == 5, "but goes to the hungry, down to half"
        assert asked(pair[1], slots=8).slots == 3
        assert asked(pair[0], slots=8, busy=2).slots == 4
        assert asked(pair[1], slots=8).slots == 4
        assert asked(pair[0], slots=0).slots == 0
        assert asked(pair[1], slots=8, busy=3).slots == 8

    def test_slots_of_the_silent_are_free(self, pair: list[object], here: Place) -> None:
        asked(pair[0], slots=8)
        here.change("UPDATE owners SET beat = 0 WHERE owner = 'host 0'")
        assert asked(pair[1], slots=8).slots == 8

    def test_a_circuit_opens_for_all_and_one_probes(self, pair: list[object], here: Place) -> None:
        assert asked(pair[0], news="opened").open_s == pytest.approx(30, abs=5)
        assert 0 < asked(pair[1]).open_s <= 30
        here.change("UPDATE endpoints SET opened_at = now_s() - 31")
        assert asked(pair[1]).open_s == -1
        assert asked(pair[0]).open_s > 0, "another one probes"
        assert asked(pair[1], news="closed").open_s == 0
        assert asked(pair[0]).open_s == 0


def scripted(grants: deque[Grant | Exception], seen: list[Wish]) -> LeasedLimits:
    async def lease(wish: Wish) -> Grant:
        seen.append(wish)
        grant = grants.popleft() if grants else Grant(0.0, 0.0, wish.busy, 0.0)
        if isinstance(grant, Exception):
            raise grant
        return grant

    return LeasedLimits("http://a", 4, 600, None, breaker=CircuitBreaker(Breaker()), lease=lease)


def test_calls_start_with_a_grant_and_surplus_goes_back() -> None:
    async def check() -> None:
        seen: list[Wish] = []
        limits = scripted(deque([Grant(3.0, 0.0, 2, 0.0), Grant(0.0, 0.0, 2, 0.0)]), seen)
        await limits.acquire(1)
        await limits.acquire(1)
        third = asyncio.ensure_future(limits.acquire(1))
        await asyncio.sleep(0)
        assert limits.in_flight == 2, "slots are not exceeded"
        for _ in range(2):
            limits.release(limited=False, tokens_used=1, tokens_reserved=1)
        await third
        limits.release(limited=False, tokens_used=1, tokens_reserved=1)
        while limits._keeper is not None and not limits._keeper.done():
            await asyncio.sleep(0.01)
        assert seen[0].requests >= 1
        assert seen[-1].slots == seen[-1].busy == 0
        assert sum(wish.requests for wish in seen) >= 1

    asyncio.run(check())


def test_who_comes_when_the_last_of_it_has_gone_back_is_served() -> None:
    async def check() -> None:
        seen: list[Wish] = []

        async def lease(wish: Wish) -> Grant:
            seen.append(wish)
            return Grant(wish.requests, wish.tokens, wish.slots, 0.0)

        breaker = CircuitBreaker(Breaker())
        limits = LeasedLimits("e", 4, None, None, breaker=breaker, lease=lease)
        for _ in range(3):
            await asyncio.wait_for(limits.acquire(1), 60)
            limits.release(limited=False, tokens_used=1, tokens_reserved=1)
            while seen[-1].slots:  # until it has gone back: the keeper is about to end
                await asyncio.sleep(0)
            assert limits._slots == 0, "what goes back is not used meanwhile"

    asyncio.run(check())


def test_while_the_ledger_is_away_calls_fail() -> None:
    async def check() -> None:
        guard = EndpointGuard.of("e", backbone("small"), Breaker())
        guard.limits = scripted(deque([LedgerAway("away")]), [])
        with pytest.raises(CallError, match="away"):
            await guard.enter(Usage(1, 1), 0)

    asyncio.run(check())


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(400)
def test_four_processes_keep_a_rate_together(here: Place) -> None:
    """One minute here; `scripts/bench/hosts` takes two."""
    with spawned("--delay", "0.02") as server:
        crew = [
            begin(here, server, 150, "--first", 1000 * i, "--rpm", 600, "--cap", 100)
            for i in range(4)
        ]
        while (log := server.log()) is not None and not (log and log[-1]["at"] - log[0]["at"] > 60):
            asyncio.run(asyncio.sleep(1))
            assert all(process.poll() is None for process in crew), "over too soon"
        at = [line["at"] for line in log]
        asked_for = sum(t <= at[0] + 60 for t in at)
        for process in crew:
            process.kill()
            process.communicate()
    assert 0.9 * 600 <= asked_for <= 610
