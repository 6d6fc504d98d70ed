"""While budgets are planned, the server tells what was spent, and that it is well."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.offered import Expected
from abgnn.serve.plan_batcher import Chooser
from abgnn.serve.query_budget import BudgetKind, QueryBudget, done
from tests.serve.http.helpers import Running, parsed, scripted, served

AT_ONCE = 16


class SlowPlanner:
    """Plans no budget before it is told to."""

    kind: BudgetKind = "planned"

    def __init__(self) -> None:
        self.begun, self.chooser = Semaphore(0), Future[Chooser]()

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        self.begun.release()
        return self.chooser

    def frontier(self) -> Future[tuple[Expected, ...]]:
        return done(())

    def close(self) -> None:
        return


def get(server: Running, path: str) -> tuple[int, dict[str, object]]:
    return parsed(server.raw(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()))


def test_spending_and_health_answer_while_as_many_budgets_as_may_are_planned(mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    system._engine.query_planners = slow = SlowPlanner()
    with served(system) as server, ThreadPoolExecutor(AT_ONCE) as threads:

        def offer() -> int:
            return server.post({"cost_usd": 1e-3}, path="/v1/abgnn/offer")[0]

        asked = [threads.submit(offer) for _ in range(AT_ONCE)]
        try:
            for _ in asked:  # all of them wait for the planner
                assert slow.begun.acquire(timeout=60)
            code, spent = get(server, "/v1/abgnn/spending")
            assert (code, spent["calls"]) == (200, 0)
            assert get(server, "/healthz")[0] == 200
            assert offer() == 429  # one budget more
        finally:
            slow.chooser.set_result(lambda queries: [])
        assert [one.result() for one in asked] == [200] * AT_ONCE


def test_who_waits_for_a_budget_when_the_system_closes_is_told(mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    system._engine.query_planners = slow = SlowPlanner()
    with served(system) as server, ThreadPoolExecutor(1) as thread:
        asked = thread.submit(server.post, {"cost_usd": 1e-3}, path="/v1/abgnn/offer")
        assert slow.begun.acquire(timeout=60)
        slow.chooser.cancel()  # as `close` does with what waits
        code, said = asked.result(60)
        assert (code, said["error"]["code"]) == (503, "stopping")
