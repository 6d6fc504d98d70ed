"""Rows by hand, and fixed policies through the executor."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.evaluation.rows import summarise
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph, RandomGraph
from abgnn.rollout import (
    Agent,
    CallError,
    Completion,
    Executor,
    Messages,
    Outcome,
    Plan,
    SimulatedClient,
)
from abgnn.training.evaluate import Known, evaluate
from datamodules import QuickQA


def outcome(query: str, score: float, cost: float, error: str | None = None) -> Outcome:
    plan = Plan(Query(query, "?", "general"), (Agent(Role("r", "p"), "b"),), (), 0)
    return Outcome(plan, "", score, Usage(1, 10), cost, 2.0, 3.0, (), error)


def test_summary_by_hand() -> None:
    rows = [outcome("a", 1, 0.1), outcome("a", 0, 0.3), outcome("b", 0, 0.2, "down")]
    row = summarise("x", rows)
    assert row.performance == pytest.approx(1 / 3)
    assert row.cost_usd == pytest.approx(0.2)
    assert row.total_usd == pytest.approx(0.6)
    assert row.latency_s == 2.0
    assert row.tokens == 10
    assert row.failed == pytest.approx(1 / 3)
    assert row.performance_se == pytest.approx((0.125 / 2) ** 0.5)  # of the means 0.5 and 0
    assert row.reward(1.0, 0.01) == pytest.approx(1 / 3 - 0.2 - 0.02)


def task() -> QuickQA:
    data = QuickQA(n_train=4, n_val=4, n_test=12)
    data.setup("test")
    return data


def test_fixed_graphs_are_what_they_say(mas: BaseMAS) -> None:
    data = task()
    queries = data.queries("test")
    with Executor(SimulatedClient(0), mas.catalogue, data) as executor:
        solo = evaluate(FixedGraph("Qwen3-8B", ["Critic"]), mas, executor, queries, samples=2)
        star = evaluate(FixedGraph("Qwen3-8B", edges="star"), mas, executor, queries)
        chain = evaluate(FixedGraph("Qwen3-8B", edges="chain"), mas, executor, queries)
        mixed = FixedGraph(["Qwen3-8B", "Qwen3-32B", "Qwen3-14B"], ["Critic", "Historian"], "none")
        pair = evaluate(mixed, mas, executor, queries)
    assert [o.sample for o in solo[:4]] == [0, 1, 0, 1]
    assert {len(o.calls) for o in solo} == {1}
    assert {o.calls[0].role for o in solo} == {"Critic"}
    assert {len(o.plan.edges) for o in star} == {5 + 6}
    assert {len(o.plan.edges) for o in chain} == {5 + 6}
    assert summarise("", chain).latency_s > 2 * summarise("", star).latency_s
    assert {tuple((a.role.name, a.backbone) for a in o.plan.agents) for o in pair} == {
        (("Historian", "Qwen3-32B"), ("Critic", "Qwen3-8B"), ("Decision Maker", "Qwen3-14B"))
    }


def test_rollouts_that_are_known_are_not_made_again(mas: BaseMAS) -> None:
    queries, known = task().queries("test"), Known()
    alone, star = FixedGraph("Qwen3-8B", ["Critic"]), FixedGraph("Qwen3-8B", edges="star")
    with Executor(SimulatedClient(0), mas.catalogue, task()) as executor:
        plain = evaluate(alone, mas, executor, queries, samples=2)
        made = list[Outcome]()
        executor.on_outcome = made.append
        assert _figures(evaluate(alone, mas, executor, queries, known=known)) == _figures(
            plain[::2]
        )
        both = evaluate(alone, mas, executor, queries, samples=2, known=known)
        assert _figures(both) == _figures(plain)
        assert len(made) == 2 * len(queries)  # those of the first number were known
        teams = evaluate(star, mas, executor, queries, known=known)
    assert {len(o.plan.edges) for o in teams} == {5 + 6}


def test_failures_are_not_known(mas: BaseMAS) -> None:
    queries, known = task().queries("test"), Known()
    with Executor(Broken(0), mas.catalogue, task()) as executor:
        evaluate(FixedGraph("Qwen3-8B", ["Critic"]), mas, executor, queries, known=known)
    assert known == {}


def _figures(outcomes: Sequence[Outcome]) -> list[tuple[float, float, float, str]]:
    return [(o.score, o.cost, o.latency, o.answer) for o in outcomes]


class Broken(SimulatedClient):
    """Every call fails."""

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        raise CallError("status", "500")


def test_random_plans_are_seeded_and_differ(mas: BaseMAS) -> None:
    queries = task().queries("test")
    plans = []
    for seed in (0, 0, 1):
        policy = RandomGraph(seed=seed)
        policy.attach(mas.table)
        plans.append(policy(mas.batch(queries), sample=True).plans())
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]
    assert len({p.agents for p in plans[0]}) > 6


def test_unknown_names_are_errors(mas: BaseMAS) -> None:
    queries = task().queries("test")[:1]
    for policy, field in (
        (FixedGraph("GPT-9"), "policy.backbone: got 'GPT-9'"),
        (FixedGraph("Qwen3-8B", ["Wizard"]), "policy.roles: got 'Wizard'"),
    ):
        policy.attach(mas.table)
        with pytest.raises(ConfigError, match=field):
            policy(mas.batch(queries), sample=False)
