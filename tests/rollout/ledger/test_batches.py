"""Many operations in one transaction give what they give one by one, in memory."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abgnn.rollout.ledger.base import ELSEWHERE, Limits
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.postgres_operations import Operation
from tests.rollout.ledger.places import check_accounts, new_schema
from tests.rollout.ledger.workers import caller, cost, reply
from tests.servers.postgres import Postgres

ledgers = pytest.importorskip("abgnn.rollout.ledger.postgres", reason="needs psycopg")
pytestmark = pytest.mark.xdist_group("postgres")

ACCOUNTS = st.sampled_from([("a", "train"), ("a", "val"), ("b", "train")])
CAPS = st.sampled_from([Limits(), Limits(run=100), Limits(phase=50), Limits(100, 50)])
BURST = st.lists(st.tuples(ACCOUNTS, st.integers(0, 30), CAPS), max_size=12)


class Held:
    """A ledger whose thread gets all of a burst at once."""

    def __init__(self, ledger: Any) -> None:
        self.ledger, self.engine, self.held = ledger, ledger._engine, list[Operation]()
        self.engine.ask = self.hold

    def hold(self, operation: Operation) -> Operation:
        operation.future.set_running_or_notify_cancel()
        self.held.append(operation)
        return operation

    def go(self) -> None:
        """One transaction, in this thread: the engine's own is idle."""
        batch, self.held = self.held, []
        if batch:
            self.engine._carry_out(self.engine._db, batch)


def results(futures: list[Future[Any]]) -> list[Any]:
    return [type(e).__name__ if (e := f.exception(0)) else f.result(0) for f in futures]


def test_bursts_are_as_one_by_one(postgres: Postgres) -> None:
    @given(bursts=st.lists(BURST, max_size=3), bills=st.lists(st.integers(0, 40), min_size=36))
    @settings(max_examples=15, deadline=None)
    def check(bursts: list[Any], bills: list[int]) -> None:
        place = new_schema(postgres)
        whole, memory = ledgers.PostgresLedger(place.path, lease_s=3600.0), MemoryLedger()
        held, number, bill = Held(whole), 0, iter(bills)
        for burst in bursts:
            opened, asked = [], []
            for (run, phase), pusd, limits in burst:
                who, number = caller(str(number), run=run, phase=phase), number + 1
                asked.append(whole.reserving(who, pusd, limits, alone=True))
                opened.append(memory.reserve(who, pusd, limits))
            held.go()
            tickets = results(asked)
            assert [t is None for t in tickets] == [t is None for t in opened]
            pairs = [(a, b) for a, b in zip(tickets, opened, strict=True) if a and b]
            paid = [cost(next(bill), uncertain=i % 3 == 0) for i in range(len(pairs))]
            closed = [
                whole.settling(a, p, reply(str(a)), "{}")
                for (a, _), p in zip(pairs, paid, strict=True)
            ]
            held.go()
            assert set(results(closed)) <= {None}
            for (_, b), p in zip(pairs, paid, strict=True):
                memory.settle(b, p)
        del held.engine.ask
        assert whole.accounts() == memory.accounts()
        whole.close()
        check_accounts(place)

    check()


def test_what_is_special_in_a_burst_spoils_nothing_beside_it(postgres: Postgres) -> None:
    place = new_schema(postgres)
    whole = ledgers.PostgresLedger(place.path, lease_s=3600.0)
    held = Held(whole)
    free = Limits()
    asked = [whole.reserving(caller(key), 5, free, alone=True) for key in ("a", "b", "b", "c")]
    held.go()
    tickets = results(asked)
    assert sorted(t == ELSEWHERE for t in tickets) == [False, False, False, True]
    under_way = [t for t in tickets if t]
    assert place.rows("SELECT key FROM attempts WHERE awaited") == [("b",)]
    operations = [whole.settling(t, cost(2), reply(str(t)), "{}") for t in under_way]
    whole._runs[7] = "r"
    operations.append(whole.settling(7, cost(2), reply("?"), "{}"))  # of no attempt
    held.go()
    assert results(operations) == [None, None, None, "LookupError"]
    del held.engine.ask
    [account] = whole.accounts()
    assert (account.calls, account.spent, account.reserved) == (3, 6, 0)
    assert [whole.lookup(key) for key in "abc"] == [reply(str(t)) for t in under_way]
    whole.close()
    check_accounts(place)
