"""Who waits for money is served by when its rollout began: in one process, and across hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from abgnn.rollout.ledger.awaited import AwaitedLedger
from abgnn.rollout.ledger.base import Caller, Ledger, Limits
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.limits.admission import Admission
from tests.rollout.ledger.places import Place, new_schema
from tests.rollout.ledger.workers import caller, cost
from tests.servers.postgres import Postgres

LIMITS = Limits(run=100)
OLD, YOUNG = 10**12, 2 * 10**12  # when their rollouts began, in ns


class Counted(AwaitedLedger):
    """Counts answers."""

    answers = 0

    async def reserve(
        self,
        caller: Caller,
        pusd: int,
        limits: Limits,
        *,
        alone: bool = False,
        age: int | None = None,
    ) -> int | None:
        ticket = await super().reserve(caller, pusd, limits, alone=alone, age=age)
        self.answers += 1
        return ticket


class Line:
    """A process's line for money, and its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.books = ledger, Counted(ledger)
        self.admission = Admission(self.books)

    def wait(self, name: str, pusd: int, age: int, served: list[str]) -> asyncio.Task[int | None]:
        async def waiting() -> int | None:
            ticket = await self.admission.reserve(caller(name), pusd, LIMITS, age)
            served.append(name)
            return ticket

        return asyncio.ensure_future(waiting())

    async def settle(self, ticket: int, pusd: int) -> None:
        await asyncio.to_thread(self.ledger.settle, ticket, cost(pusd))
        self.admission.wake()


@pytest.fixture(
    params=["memory", "file", pytest.param("database", marks=pytest.mark.xdist_group("postgres"))]
)
def lines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Line, Line]]:
    """Of the old rollout and of the young one: two hosts' at a database, else one process's."""
    if request.param == "database":
        pytest.importorskip("psycopg")
        place = new_schema(request.getfixturevalue("postgres"))
        ledgers = [place.open(owner="one host"), place.open(owner="another")]
        yield Line(ledgers[0]), Line(ledgers[1])
    else:
        file = request.param == "file"
        ledgers = [Place(str(tmp_path / "calls.sqlite")).open() if file else MemoryLedger()]
        line = Line(ledgers[0])
        yield line, line
    for ledger in ledgers:
        ledger.close()


async def until(happened: Callable[[], bool]) -> None:
    while not happened():
        await asyncio.sleep(0.005)


def running(scenario: Callable[..., Awaitable[None]], *arguments: object) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scenario(*arguments), 60)

    asyncio.run(limited())


def test_the_oldest_rollout_goes_first_even_if_a_younger_one_would_fit(
    lines: tuple[Line, Line],
) -> None:
    async def scenario() -> None:
        old, young = lines
        first, second = (
            old.ledger.reserve(caller(name), n, LIMITS) for name, n in (("a", 60), ("b", 40))
        )
        assert first
        assert second
        served: list[str] = []
        later = young.wait("young", 20, YOUNG, served)
        await until(lambda: young.books.answers > 0)
        sooner = old.wait("old", 50, OLD, served)
        before = old.books.answers
        await until(lambda: old.books.answers > before or len(old.admission._waiting) == 2)
        known = [line.books.answers for line in lines]
        await old.settle(first, 30)  # leaves 30, which is enough for the young one only
        await until(
            lambda: all(line.books.answers > n for line, n in zip(lines, known, strict=True))
        )
        assert served == []
        await old.settle(second, 10)  # leaves 60, enough for either, not for both
        done, _ = await asyncio.wait({sooner, later}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {sooner}
        ticket = await sooner
        assert ticket
        await old.settle(ticket, 0)
        assert await later

    running(scenario)


def test_who_cannot_be_served_any_more_lets_the_others_go_on(lines: tuple[Line, Line]) -> None:
    async def scenario() -> None:
        old, young = lines
        first = old.ledger.reserve(caller("a"), 90, LIMITS)
        assert first
        served: list[str] = []
        sooner = old.wait("old", 80, OLD, served)
        await until(lambda: old.books.answers > 0)
        later = young.wait("young", 20, YOUNG, served)
        await until(lambda: young.books.answers > 0)
        await old.settle(first, 50)  # 80 will never be left again
        assert await sooner is None
        assert await later

    running(scenario)


def test_who_is_cancelled_lets_the_others_go_on(lines: tuple[Line, Line]) -> None:
    async def scenario() -> None:
        old, young = lines
        first, second = (
            old.ledger.reserve(caller(name), n, LIMITS) for name, n in (("a", 60), ("b", 40))
        )
        assert first
        assert second
        served: list[str] = []
        sooner = old.wait("old", 60, OLD, served)
        await until(lambda: old.books.answers > 0)
        later = young.wait("young", 20, YOUNG, served)
        await until(lambda: young.books.answers > 0)
        await old.settle(first, 30)  # leaves 30, and perhaps 70 later
        sooner.cancel()
        assert await later
        assert served == ["young"]

    running(scenario)


@pytest.mark.xdist_group("postgres")
def test_who_died_while_it_waited_is_not_waited_for(postgres: Postgres) -> None:
    ledgers = pytest.importorskip("abgnn.rollout.ledger.postgres", reason="needs psycopg")
    place = new_schema(postgres)
    old = ledgers.PostgresLedger(place.path, owner="another host", lease_s=3600.0)
    young = ledgers.PostgresLedger(place.path)

    def asked(name: str) -> int | None:
        ticket: int | None = young.reserving(caller(name), 20, LIMITS, age=YOUNG).result()
        return ticket

    ticket = young.reserve(caller("a"), 60, LIMITS)
    assert old.reserving(caller("old"), 50, LIMITS, age=OLD).result() is None
    assert asked("young") is None, "it would fit, but an older one waits"
    assert young.reserve(caller("out of line"), 10, LIMITS), "who has no age passes"
    place.change("UPDATE owners SET beat = beat - 7200 WHERE owner = 'another host'")
    assert asked("young")
    young.settle(ticket, cost(0))
    young.end_orphans()
    assert place.rows("SELECT * FROM waiters") == []
    for ledger in (old, young):
        ledger.close()
