"""AutoGen's own teams: what is read of them, and plans that AutoGen carries out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("autogen_agentchat")
pytest.importorskip("autogen_ext.models.openai")

from autogen_agentchat.agents import AssistantAgent, MessageFilterAgent, UserProxyAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_ext.models.openai import OpenAIChatCompletionClient

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.template import Role
from abgnn.errors import ConfigError, EndpointError
from abgnn.frameworks.autogen import AutoGenTeam, from_autogen, openai_client, to_autogen
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import (
    Agent,
    Deadline,
    Executor,
    OpenAIClient,
    Plan,
    RolloutSettings,
    SimulatedClient,
)
from tests.frameworks.bridges import (
    CATALOGUE,
    DATA,
    FEW,
    QUERY,
    a_cap_holds,
    add,
    at,
    replay_finds_every_call,
)
from tests.frameworks.some_plans import plans
from tests.frameworks.tiny_openai import echo, serving, sums

LLM = OpenAIChatCompletionClient(model="gpt-4o", api_key="none")


def agent(name: str, **kwargs: Any) -> AssistantAgent:
    return AssistantAgent(name, LLM, **{"system_message": f"You are the {name}.", **kwargs})


def three() -> list[Any]:
    return [agent(name) for name in ("Writer", "Critic", "Editor")]


def flow(*edges: str) -> GraphFlow:
    """`flow("ab", "bc")` has the agents a, b, c and two edges."""
    agents = {name: agent(name) for name in sorted(set("".join(edges)))}
    builder = DiGraphBuilder()
    for one in agents.values():
        builder.add_node(one)
    for u, v in edges:
        builder.add_edge(agents[u], agents[v])
    return GraphFlow(builder.get_participants(), builder.build())


class TestReading:
    @pytest.mark.parametrize("kind", [RoundRobinGroupChat, SelectorGroupChat])
    def test_a_chat_is_one_turn_of_everybody(self, kind: Callable[..., Any]) -> None:
        more = {"model_client": LLM} if kind is SelectorGroupChat else {}
        team = from_autogen(kind(three(), max_turns=3, **more))
        assert [r.name for r in team.template.roles] == ["Writer", "Critic", "Editor"]
        assert team.template.roles[1].prompt == "You are the Critic."
        assert team.template.edges == ((0, 1),)
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (1, 2))

    def test_another_one_may_answer(self) -> None:
        team = from_autogen(RoundRobinGroupChat(three()), answers="Writer")
        assert [r.name for r in team.template.roles] == ["Critic", "Editor", "Writer"]
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (1, 2))

    def test_filters_say_who_hears_whom(self) -> None:
        writer, critic, editor = three()
        only = MessageFilterConfig(per_source=[PerSourceFilter(source="Critic")])
        editor = MessageFilterAgent("Editor", editor, only)
        team = from_autogen(RoundRobinGroupChat([writer, critic, editor]))
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (1, 2))

    def test_a_graph_is_its_edges(self) -> None:
        team = from_autogen(flow("ab", "ac", "bd", "cd"))
        assert team.template.edges == ((0, 1), (0, 2))
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (1, 3), (2, 3))

    def test_what_cannot_be_carried_over_is_told(self) -> None:
        user = UserProxyAgent("human")
        handing = agent("a", handoffs=["b"])
        wrong: list[tuple[Any, str]] = [
            (Swarm([handing, agent("b")]), "team: "),
            (RoundRobinGroupChat([*three(), user]), r"participants\[3\]"),
            (RoundRobinGroupChat([handing]), "handoffs"),
            (RoundRobinGroupChat([agent("a", system_message=None)]), "system_message"),
            (flow("ab", "ac"), "answers"),
            (RoundRobinGroupChat([agent("a", tools=[add])]), "AutoGen makes the calls itself"),
            ("nowhere:team", "module:attribute"),
        ]
        for team, said in wrong:
            with pytest.raises(ConfigError, match=said):
                from_autogen(team)
        with pytest.raises(ConfigError, match="leaf"):
            from_autogen(flow("ab"), answers="a")
        with pytest.raises(ConfigError, match="Writer, Critic"):
            from_autogen(RoundRobinGroupChat(three()), answers="Nobody")

    def test_loops_are_told(self) -> None:
        a, b, c = agent("a"), agent("b"), agent("c")
        builder = DiGraphBuilder().add_node(a).add_node(b).add_node(c).add_edge(a, b)
        builder.add_edge(b, a, condition="no").add_edge(b, c, condition="yes")
        graph = builder.set_entry_point(a).build()
        team = from_autogen(GraphFlow([a, b, c], graph))
        with pytest.raises(ConfigError, match="acyclic"):
            _ = team.template

    def test_from_a_config(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "team_of_mine.py").write_text(
            "from tests.frameworks.test_autogen import flow\nteam = lambda: flow('ab')\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        mas = BaseMAS(encoder="offline", framework=from_autogen("team_of_mine:team"))
        assert [r.name for r in mas.template.roles] == ["a", "b"]


class TestRoundTrip:
    @FEW
    @given(plans(QUERY, twins=True))
    def test_roles_backbones_and_edges(self, plan: Plan) -> None:
        assert from_autogen(to_autogen(plan, CATALOGUE, client=keyless)).plan(QUERY) == plan

    @FEW
    @given(st.lists(st.booleans(), min_size=3, max_size=3), st.integers(1, 5))
    def test_tools_and_settings(self, having: list[bool], turns: int) -> None:
        tools = [[add] if has else None for has in having]
        names = ("Writer", "Critic", "Editor")
        team = RoundRobinGroupChat(
            [
                agent(n, tools=t, max_tool_iterations=turns, description=f"d{n}")
                for n, t in zip(names, tools, strict=True)
            ]
        )
        read = from_autogen(team, CATALOGUE)
        made = to_autogen(read.plan(QUERY, "Qwen3-8B"), CATALOGUE, team, keyless)
        again = from_autogen(made, CATALOGUE)
        assert isinstance(read, AutoGenTeam)
        assert isinstance(again, AutoGenTeam)
        assert [r.tool for r in again.roles] == ["add" if has else None for has in having]
        assert again.roles == read.roles
        assert again.edges == read.edges
        assert [m.settings for m in again.members] == [m.settings for m in read.members]


def keyless(backbone: Any, max_tokens: int | None) -> OpenAIChatCompletionClient:
    return openai_client(replace(backbone, api_key_env=None), max_tokens)


@FEW
@given(plans(QUERY, twins=True))
def test_replay_in_autogen_finds_every_call_that_our_executor_recorded(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    folder = str(tmp_path_factory.mktemp("calls"))
    replay_finds_every_call(from_autogen(RoundRobinGroupChat(three())), plan, folder)


def test_gateway_rules_hold_inside_autogen() -> None:
    team = from_autogen(RoundRobinGroupChat(three()))
    plan = team.plan(QUERY, "Qwen3-8B")
    a_cap_holds(team, plan)
    with Executor(SimulatedClient(0), CATALOGUE, DATA, framework=team) as runs:
        [cheap] = runs.run([replace(plan, budget_usd=2e-4)])
        [late] = runs.run([replace(plan, rounds=2)])
    assert cheap.cost <= 2e-4
    assert late.kind == "internal"
    assert "one round" in str(late.error)


def test_a_level_waits_for_the_level_before() -> None:
    """a→c, b→d: in AutoGen, c waits for b as well."""
    roles = [Role(name, f"You are {name}.") for name in "abcde"]
    agents = tuple(
        Agent(r, b) for r, b in zip(roles, ("Qwen3-32B", *["Qwen3-8B"] * 4), strict=True)
    )
    plan = Plan(QUERY, agents, ((0, 2), (1, 3), (3, 4)), 4)
    team = from_autogen(RoundRobinGroupChat(three()))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, framework=team) as runs:
        [outcome] = runs.run([plan])
    calls = outcome.calls
    assert calls[3].start == max(calls[0].end, calls[1].end)
    assert calls[4].start == max(calls[2].end, calls[3].end)


class TestOwnClients:
    @settings(FEW, max_examples=6)
    @given(plans(QUERY))
    def test_requests_are_those_of_our_executor(self, plan: Plan) -> None:
        changes = {"max_tokens": 99, "prompt_suffix": "Be brief.", "extra_body": {"top_k": 1}}
        plan = replace(plan, agents=tuple(replace(a, max_tokens=50) for a in plan.agents))
        with serving(echo) as server:
            catalogue = at(server, **changes)
            with Executor(OpenAIClient(), catalogue, DATA) as runs:
                [ours] = runs.run([plan])
            ours_asked, server.bodies = server.bodies, []
            team = from_autogen(RoundRobinGroupChat(three()), catalogue)
            with Executor(OpenAIClient(), catalogue, DATA, framework=team) as runs:
                [theirs] = runs.run([plan])
        for body in server.bodies:
            assert body.pop("stream") is False
        assert spelled(server.bodies) == spelled(ours_asked)
        assert theirs.answer == ours.answer
        assert theirs.usage == ours.usage
        assert theirs.cost == pytest.approx(ours.cost)

    @pytest.mark.parametrize("stream", [False, True])
    def test_tools_work_and_every_call_is_booked(self, stream: bool) -> None:
        adding = agent("Adder", tools=[add], model_client_stream=stream)
        thinking = agent(
            "Thinker", tools=[add], reflect_on_tool_use=True, model_client_stream=stream
        )
        team = RoundRobinGroupChat([adding, thinking, agent("Editor")])
        with serving(sums) as server:
            framework = from_autogen(team, at(server))
            plan = framework.plan(replace(QUERY, text="What is 2 + 3?"), "Qwen3-8B")
            with Executor(OpenAIClient(), at(server), framework=framework) as runs:
                [outcome] = runs.run([plan])
        assert outcome.error is None
        texts = [(c.role, c.text) for c in sorted(outcome.calls, key=lambda c: c.start)]
        assert texts == [
            ("Adder", "5"),
            ("Thinker", 'add({"a": 2, "b": 3})'),
            ("Thinker", "The sum is 5"),
            ("Editor", "The sum is 5"),
        ]
        assert outcome.usage == Usage(400, 40)
        assert outcome.latency == pytest.approx(sum(c.service_time for c in outcome.calls))
        shown = server.bodies[-1]["messages"][1]["content"]
        assert "[Adder] answered:\n5" in shown
        assert "[Thinker] answered:\nThe sum is 5" in shown

    def test_a_deadline_stops_the_team_and_what_was_said_is_booked(self) -> None:
        with serving(echo) as server:
            framework = from_autogen(flow("ab", "bc"), at(server))
            server.seconds = 0.25
            rules = RolloutSettings(deadline=Deadline(0.4))
            with Executor(OpenAIClient(), at(server), settings=rules, framework=framework) as runs:
                [outcome] = runs.run([framework.plan(QUERY, "Qwen3-8B")])
        assert outcome.kind == "deadline"
        assert [c.role for c in outcome.calls] == ["a"]

    def test_a_failure_inside_is_one_rollouts(self) -> None:
        def broken(body: dict[str, Any]) -> dict[str, Any]:
            if "You are the b." in str(body):
                return {"role": "assistant", "tool_calls": "nonsense"}
            return echo(body)

        with serving(broken) as server:
            framework = from_autogen(flow("ab", "bc"), at(server))
            with Executor(OpenAIClient(), at(server), framework=framework) as runs:
                [outcome] = runs.run([framework.plan(QUERY, "Qwen3-8B")])
        assert outcome.kind == "internal"
        assert "\n" not in str(outcome.error)
        assert outcome.calls[0].role == "a"

    def test_calls_that_nobody_can_price_are_no_success(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.frameworks.tiny_openai.USAGE", {})
        with serving(echo) as server:
            framework = from_autogen(flow("ab"), at(server))
            with Executor(OpenAIClient(), at(server), framework=framework) as runs:
                [outcome] = runs.run([framework.plan(QUERY, "Qwen3-8B")])
        assert outcome.kind == "internal"
        assert "no usage" in str(outcome.error)

    def test_the_flow_is_autogens_and_its_last_message_the_answer(self) -> None:
        async def twice(team: GraphFlow) -> list[str]:
            first = await team.run(task="What is 1 + 2?")
            second = await team.run(task=[TextMessage(content="And 4 + 5?", source="me")])
            assert isinstance(first.messages[0], TextMessage)
            return [r.messages[-1].to_text() for r in (first, second)]  # type: ignore[union-attr]

        with serving(sums) as server:
            team = from_autogen(flow("ab", "bc"))
            made = to_autogen(team.plan(QUERY, "Qwen3-8B"), at(server))
            assert asyncio.run(twice(made)) == ["The sum is 3", "The sum is 9"]
        asked = [b["messages"][1]["content"] for b in server.bodies]
        assert asked[3] == "And 4 + 5?"  # a second task forgets the first one
        assert asked[5] == "And 4 + 5?\n\n[b] answered:\nThe sum is 9"

    def test_keys_and_plans_are_checked_before_money_is_spent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = from_autogen(flow("ab")).plan(QUERY, "Qwen3-8B")
        secret = Catalogue(tuple(replace(b, api_key_env="NO_SUCH_KEY") for b in CATALOGUE))
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        with pytest.raises(EndpointError, match="NO_SUCH_KEY"):
            to_autogen(plan, secret)
        for wrong, said in (
            (replace(plan, budget_usd=1.0), "budget_usd"),
            (replace(plan, rounds=2), "rounds"),
            (replace(plan, agents=(replace(plan.agents[0], backbone="no"),) * 2), "backbone"),
        ):
            with pytest.raises(ConfigError, match=said):
                to_autogen(wrong, CATALOGUE, client=keyless)


def spelled(bodies: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)


def test_any_policy_chooses_from_it() -> None:
    mas = BaseMAS(
        encoder="offline", framework=from_autogen(RoundRobinGroupChat(three())), n_pools=1
    )
    policy = FixedGraph("Qwen3-8B", ["Critic"])
    policy.attach(mas.table)
    [made] = policy(mas.batch([QUERY]), sample=False).plans()
    with Executor(SimulatedClient(0), mas.catalogue, DATA, framework=mas.framework) as runs:
        [outcome] = runs.run([made])
    assert [c.role for c in outcome.calls] == ["Critic"]
    assert re.search("simulated|answer", outcome.answer)
