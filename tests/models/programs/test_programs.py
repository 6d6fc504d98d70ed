"""Rounds that differ, and programs that decide as they go, within a budget per query."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.resources import config_path
from abgnn.data.template_yaml import load_roles
from abgnn.errors import ConfigError
from abgnn.rollout import (
    Agent,
    AgentAnswer,
    Executor,
    Plan,
    Program,
    RoundGraph,
    SimulatedClient,
    Stage,
)
from datamodules import QuickQA

ROLES = load_roles("general")
DATA = QuickQA()
QUERY = DATA.load()[0]


@dataclass(frozen=True)
class Pairs(Program):
    """Two solvers side by side, again and again, until the budget is gone; the last one answers."""

    most: int = 10_000

    async def run(self, stage: Stage) -> AgentAnswer | None:
        best: AgentAnswer | None = None
        for _ in range(self.most):
            both = await asyncio.gather(stage.call(0), stage.call(1))
            able = [said for said in both if said is not None]
            if not able:
                break
            best = await stage.call(2, able, last=True) or able[-1]
        return best


def catalogue() -> Catalogue:
    return Catalogue.from_yaml(config_path("catalogues/paper.yaml"))


def plan(program: Program | None = None, **kwargs: object) -> Plan:
    agents = tuple(Agent(role, "Qwen3-8B", 800) for role in ROLES[:3])
    options: dict[str, object] = {"edges": ((0, 2), (1, 2)), "decision": 2, **kwargs}
    return Plan(QUERY, agents, program=program, **options)  # type: ignore[arg-type]


def executor(**kwargs: object) -> Executor:
    return Executor(SimulatedClient(0), catalogue(), DATA, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("budget", [0.0, 1e-5, 3e-4, 1e-3])
def test_a_query_never_costs_more_than_its_budget(budget: float) -> None:
    queries = [replace(q) for q in DATA.load()[:20]]
    plans = [replace(plan(Pairs(), budget_usd=budget), query=q) for q in queries]
    with executor() as runs:
        outcomes = runs.run(plans)
    assert max(o.cost for o in outcomes) <= budget
    if budget < 1e-4:
        assert {o.kind for o in outcomes} == {"budget"}
        assert not any(o.calls for o in outcomes)
    else:
        assert {o.kind for o in outcomes} == {None}
        assert min(o.cost for o in outcomes) > budget / 2
        assert min(len(o.calls) for o in outcomes) >= 3
        assert all(o.answer for o in outcomes)


def test_side_by_side_calls_share_the_clock() -> None:
    with executor() as runs:
        (outcome,) = runs.run([plan(Pairs(most=2))])
    first, second, third = ([c for c in outcome.calls if c.agent == agent] for agent in range(3))
    assert [len(first), len(second), len(third)] == [2, 2, 2]
    assert first[0].start == second[0].start == 0
    assert third[0].start == max(first[0].end, second[0].end)
    assert first[1].start == 0  # it reads nothing, so nothing holds it back
    assert outcome.latency == third[1].end
    assert first[0].text != first[1].text  # a sample of its own


def test_a_failed_call_ends_the_program_and_all_is_awaited() -> None:
    with executor() as runs:
        calm = runs.run([plan(Pairs(most=1))])[0]
        unknown = replace(QUERY, domain="cooking")
        (lost,) = runs.run([replace(plan(Pairs(most=1)), query=unknown)])
    assert calm.error is None
    assert lost.error is not None
    assert len(lost.calls) == 2


def test_programs_survive_json() -> None:
    made = plan(Pairs(most=3), budget_usd=0.5)
    again = Plan.from_dict(made.to_dict())
    assert again.program == made.program
    assert again.budget_usd == 0.5
    assert again.agents[0].max_tokens == 800
    with pytest.raises(ConfigError, match=r"Plan\.program"):
        Plan.from_dict({**made.to_dict(), "program": {"name": "nobody"}})


def test_a_budget_needs_a_worst_case() -> None:
    free = [replace(b, max_tokens=None) for b in catalogue()]
    made = replace(plan(Pairs()), agents=(Agent(ROLES[0], "Qwen3-8B"),) * 3, budget_usd=1.0)
    with (
        Executor(SimulatedClient(0), Catalogue(free), DATA) as runs,
        pytest.raises(ConfigError, match="max_tokens"),
    ):
        runs.run([made])


def test_replies_are_cut_where_the_agent_says() -> None:
    short = replace(plan(), agents=tuple(replace(a, max_tokens=20) for a in plan().agents))
    with executor() as runs:
        (outcome,) = runs.run([short])
    assert {c.usage.completion_tokens for c in outcome.calls} == {20}
    assert {c.finish for c in outcome.calls} == {"length"}
    assert outcome.score == 0


def rounds(*graphs: RoundGraph, **kwargs: object) -> Plan:
    agents = tuple(Agent(role, "Qwen3-8B") for role in (*ROLES[:3], ROLES[-1]))
    options: dict[str, object] = {"edges": ((0, 3), (2, 3)), "decision": 3, "rounds": len(graphs)}
    return Plan(QUERY, agents, by_round=graphs, **(options | kwargs))  # type: ignore[arg-type]


def test_rounds_may_differ_and_agents_may_be_silent() -> None:
    first = RoundGraph(((0, 1), (1, 2)))
    second = RoundGraph(((0, 2),), ((1, 0), (2, 2)), absent=(1,))
    made = rounds(first, second)
    with executor() as runs:
        (outcome,) = runs.run([made])
    assert [(c.round, c.agent) for c in outcome.calls] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (1, 3),
    ]  # fmt: skip
    call = {(c.round, c.agent): c for c in outcome.calls}
    assert call[0, 1].start == call[0, 0].end
    assert call[1, 0].start == call[0, 1].end  # of what it reads; its own past is no edge here
    assert call[1, 2].start == max(call[1, 0].end, call[0, 2].end)
    assert call[1, 3].start == max(call[1, 0].end, call[1, 2].end)
    assert Plan.from_dict(made.to_dict()).by_round == (first, second)


@pytest.mark.parametrize(
    ("graphs", "said"),
    [
        ((RoundGraph(((0, 1),), absent=(1,)),), "silent"),
        ((RoundGraph((), absent=(2,)),), "silent"),
        ((RoundGraph((), absent=(1,)), RoundGraph((), ((1, 0),))), "silent"),
        ((RoundGraph(((0, 1), (1, 0))),), "acyclic"),
        ((RoundGraph(((0, 3),)),), "role agents only"),
        ((RoundGraph(((0, 9),)),), "indices"),
    ],
)
def test_wrong_rounds(graphs: tuple[RoundGraph, ...], said: str) -> None:
    with executor() as runs, pytest.raises(ConfigError, match=said):
        runs.run([rounds(*graphs)])


def test_as_many_graphs_as_rounds() -> None:
    with executor() as runs, pytest.raises(ConfigError, match="one per round"):
        runs.run([rounds(RoundGraph(()), rounds=2)])


def test_question_of_its_own() -> None:
    """A planner may put another task to an agent."""

    @dataclass(frozen=True)
    class Asked(Program):
        name: ClassVar[str] = "test_asked"

        async def run(self, stage: Stage) -> AgentAnswer | str | None:
            said = await stage.call(0, task="something else")
            assert said is not None
            return stage.key(said.text)

    seen: list[str] = []

    class Listening(SimulatedClient):
        async def complete(self, backbone, messages, *, query: Query, sample: int):  # type: ignore[no-untyped-def]
            seen.append(messages.question)
            return await super().complete(backbone, messages, query=query, sample=sample)

    with Executor(Listening(0), catalogue(), DATA) as runs:
        (outcome,) = runs.run([plan(Asked())])
    assert seen == ["something else"]
    assert outcome.answer
    assert outcome.latency == outcome.calls[0].end
