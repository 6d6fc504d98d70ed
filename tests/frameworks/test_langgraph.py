"""LangGraph's own graphs: what is read of them, and plans that LangGraph carries out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings

pytest.importorskip("langgraph")

from langgraph.graph import END, START, StateGraph

from abgnn.errors import ConfigError
from abgnn.frameworks.langgraph import from_langgraph, to_langgraph
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import (
    Deadline,
    Executor,
    OpenAIClient,
    Plan,
    RolloutSettings,
    SimulatedClient,
)
from abgnn.rollout.clients.base import CallError
from tests.frameworks.bridges import (
    CATALOGUE,
    DATA,
    FEW,
    QUERY,
    a_cap_holds,
    at,
    replay_finds_every_call,
)
from tests.frameworks.some_loops import ANSWERS, by_executor, loop, saying
from tests.frameworks.some_plans import plans
from tests.frameworks.tiny_openai import echo, serving


class State(TypedDict):
    text: str


def same(state: State) -> State:
    return state


def graph(*edges: str, end: str = "c") -> StateGraph[Any, Any, Any, Any]:
    """`graph("ab", "bc")` has the nodes a, b, c; those that nobody leads to start."""
    made = StateGraph(State)
    names = sorted(set("".join(edges)) | {end})
    for name in names:
        made.add_node(name, same, metadata={"prompt": f"You are {name}."})
    for name in set(names) - {v for _, v in edges}:
        made.add_edge(START, name)
    for u, v in edges:
        made.add_edge(u, v)
    made.add_edge(end, END)
    return made


def test_a_graph_is_its_nodes_prompts_and_edges() -> None:
    for given_graph in (graph("ab", "bc", "ac"), graph("ab", "bc", "ac").compile()):
        team = from_langgraph(given_graph)
        assert next((r.name, r.prompt) for r in team.template.roles) == ("a", "You are a.")
        assert team.template.edges == ((0, 1),)
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (1, 2))


def test_joins_and_branches_are_edges() -> None:
    made = graph("ab", end="d")
    made.add_node("c", same, metadata={"prompt": "You are c.", "role": "Checker"})
    made.add_edge(["b", "c"], "d")
    made.add_conditional_edges("a", lambda state: "c", {"yes": "c", "no": "d"})
    team = from_langgraph(made)
    assert [r.name for r in team.template.roles] == ["a", "b", "Checker", "d"]
    assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (0, 3), (1, 3), (2, 3))


def test_what_cannot_be_carried_over_is_told() -> None:
    bare = graph("ab")
    bare.add_node("x", same)
    open_branch = graph("ab", end="b")
    open_branch.add_conditional_edges("a", lambda state: "b")
    two = graph("ab", "ac", end="b")
    two.add_edge("c", END)
    back = graph("ab", end="b")
    back.add_edge("b", "a")
    for wrong, said in (
        (bare, r"nodes\[x\].*metadata"),
        (open_branch, "path_map"),
        (two, "one node that leads to END"),
        (back, "leads to END alone"),
        ("nowhere:graph", "module:attribute"),
        (object(), "StateGraph"),
    ):
        with pytest.raises(ConfigError, match=said):
            from_langgraph(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="acyclic"):
        _ = from_langgraph(graph("ab", "ba", "bc")).template


@FEW
@given(plans(QUERY, twins=True))
def test_round_trip(plan: Plan) -> None:
    assert from_langgraph(to_langgraph(plan, CATALOGUE)).plan(QUERY) == plan


@FEW
@given(plans(QUERY, twins=True))
def test_replay_in_langgraph_finds_every_call_that_our_executor_recorded(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    folder = str(tmp_path_factory.mktemp("calls"))
    replay_finds_every_call(from_langgraph(graph("ab", "bc")), plan, folder)


@settings(FEW, max_examples=6)
@given(plans(QUERY))
def test_requests_of_its_own_are_those_of_our_executor(plan: Plan) -> None:
    plan = replace(plan, agents=tuple(replace(a, max_tokens=50) for a in plan.agents))
    with serving(echo) as server:
        with Executor(OpenAIClient(), at(server), DATA) as runs:
            [ours] = runs.run([plan])
        ours_asked, server.bodies = server.bodies, []
        team = from_langgraph(graph("ab", "bc"), at(server))
        with Executor(OpenAIClient(), at(server), DATA, framework=team) as runs:
            [theirs] = runs.run([plan])
    assert sorted(map(json.dumps, server.bodies)) == sorted(map(json.dumps, ours_asked))
    assert (theirs.answer, theirs.usage) == (ours.answer, ours.usage)
    assert theirs.cost == pytest.approx(ours.cost)


def test_the_graph_is_langgraphs() -> None:
    with serving(echo) as server:
        plan = from_langgraph(graph("ab", "bc")).plan(QUERY, "Qwen3-8B")
        made = to_langgraph(plan, at(server))
        found = asyncio.run(made.ainvoke({"question": "Why?"}))
    assert found["answer"] == found["replies"]["c"]["text"]
    assert found["replies"]["a"]["prompt_tokens"] == 100
    assert "[b] answered" in server.bodies[-1]["messages"][1]["content"]


def test_caps_and_deadlines_hold() -> None:
    team = from_langgraph(graph("ab", "bc"))
    plan = team.plan(QUERY, "Qwen3-8B")
    a_cap_holds(team, plan)
    with serving(echo) as server:
        server.seconds = 2.0  # two of them are longer than the deadline, on a busy machine too
        own = from_langgraph(graph("ab", "bc"), at(server))
        rules = RolloutSettings(deadline=Deadline(3.5))
        with Executor(OpenAIClient(), at(server), settings=rules, framework=own) as runs:
            [outcome] = runs.run([plan])
    assert outcome.kind == "deadline"
    assert [c.role for c in outcome.calls] == ["a"]


def test_any_policy_chooses_from_it() -> None:
    mas = BaseMAS(encoder="offline", framework=from_langgraph(graph("ab", "bc")), n_pools=1)
    policy = FixedGraph("Qwen3-8B", ["b"])
    policy.attach(mas.table)
    [made] = policy(mas.batch([QUERY]), sample=False).plans()
    with Executor(SimulatedClient(0), mas.catalogue, DATA, framework=mas.framework) as runs:
        [outcome] = runs.run([made])
    assert [c.role for c in outcome.calls] == ["b"]


@pytest.mark.parametrize(("answers", "asked"), ANSWERS)
def test_a_closed_loop_decides_in_langgraph_as_in_our_executor(
    answers: tuple[str, ...], asked: int
) -> None:
    with serving(saying(*answers)) as server:
        ours = by_executor(loop(), server)
        graph_made = to_langgraph(loop(), at(server))
        state = asyncio.run(graph_made.ainvoke({"question": QUERY.text}))
    assert len(ours.calls) == asked
    assert state["answer"] == ours.answer
    assert len(state["replies"]) == asked
    assert state["probability"] == pytest.approx(ours.steps[-1].probability)
    assert sorted(server.bodies[:asked], key=json.dumps) == sorted(
        server.bodies[asked:], key=json.dumps
    )


def test_a_failed_call_ends_no_loop() -> None:
    class Failing(SimulatedClient):
        async def complete(self, backbone: Any, messages: Any, **asked: Any) -> Any:
            if backbone.name == "Qwen3-8B":
                raise CallError("down", "server")
            return await super().complete(backbone, messages, **asked)

    client = Failing(0)
    client.bind(DATA)
    made = to_langgraph(loop(), CATALOGUE, client, lambda text: DATA.key(QUERY, text))
    state = asyncio.run(made.ainvoke({"question": QUERY.text}))
    assert len(state["failed"]) == 1
    assert state["answer"]


def test_loops_of_programs_are_refused() -> None:
    forms = {"form_right": ((0.1, 0.1, 0.8),) * 3, "form_wrong": ((0.1, 0.8, 0.1),) * 3}
    with pytest.raises(ConfigError, match="programs run with examples"):
        to_langgraph(loop(keys=False, **forms), CATALOGUE)
