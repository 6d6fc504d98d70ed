"""Agent Framework's own workflows: what is read of them, and plans that it carries out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

pytest.importorskip("agent_framework")
pytest.importorskip("agent_framework_orchestrations")

from agent_framework import (
    Agent,
    AgentExecutor,
    AgentExecutorResponse,
    BaseChatClient,
    ContextProvider,
    Message,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    agent_middleware,
    executor,
    handler,
)
from agent_framework import (
    Executor as Node,
)
from agent_framework.orchestrations import (
    ConcurrentBuilder,
    GroupChatBuilder,
    HandoffBuilder,
    SequentialBuilder,
)

from abgnn.errors import ConfigError
from abgnn.frameworks.agent_framework import from_workflow, to_workflow
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import (
    Executor,
    Plan,
    SimulatedClient,
)
from tests.frameworks.bridges import (
    CATALOGUE,
    DATA,
    FEW,
    QUERY,
    a_cap_holds,
    add,
    replay_finds_every_call,
)
from tests.frameworks.some_plans import plans


class Silent(BaseChatClient[Any]):
    """A client that a team has and nobody calls."""

    def _inner_get_response(self, **asked: Any) -> Any:
        raise AssertionError("abgnn makes the calls")


def agent(name: str, **kwargs: Any) -> Agent[Any]:
    prompt = kwargs.pop("instructions", f"You are the {name}.")
    return Agent(Silent(), prompt, name=name, **kwargs)


def three() -> list[Agent[Any]]:
    return [agent(name) for name in ("Writer", "Critic", "Editor")]


def sequential(*agents: Any, **kwargs: Any) -> Workflow:
    return SequentialBuilder(participants=list(agents) or three(), **kwargs).build()


def concurrent(**kwargs: Any) -> Workflow:
    return ConcurrentBuilder(participants=three(), **kwargs).build()


@executor(id="merge")
async def merge(
    replies: list[AgentExecutorResponse], ctx: WorkflowContext[AgentExecutorResponse]
) -> None:
    """What people write to join branches: Agent Framework's agents take no list of replies."""
    said = [message for reply in replies for message in reply.full_conversation]
    await ctx.send_message(AgentExecutorResponse("merge", replies[0].agent_response, said))


def diamond() -> Workflow:
    """Writer → (Critic, Checker) → merge, which is code → Editor."""
    writer, critic, editor = three()
    checker = agent("Checker")
    return (
        WorkflowBuilder(start_executor=writer, output_from=[editor])
        .add_fan_out_edges(writer, [critic, checker])
        .add_fan_in_edges([critic, checker], merge)
        .add_edge(merge, editor)
        .build()
    )


class TestReading:
    def test_a_sequence_hears_all_before(self) -> None:
        team = from_workflow(sequential())
        assert [r.name for r in team.template.roles] == ["Writer", "Critic", "Editor"]
        assert team.template.roles[1].prompt == "You are the Critic."
        assert team.template.edges == ((0, 1),)
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (0, 2), (1, 2))

    def test_or_only_the_one_before(self) -> None:
        team = from_workflow(sequential(chain_only_agent_responses=True))
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 1), (1, 2))

    def test_side_by_side_somebody_answers(self) -> None:
        with pytest.raises(ConfigError, match=r"answers: got None.*'Writer', 'Critic', 'Editor'"):
            from_workflow(concurrent())
        team = from_workflow(concurrent(), answers="Critic")
        assert [r.name for r in team.template.roles] == ["Writer", "Editor", "Critic"]
        assert team.plan(QUERY, "Qwen3-8B").edges == ((0, 2), (1, 2))

    def test_branches_that_code_joins(self) -> None:
        with pytest.raises(ConfigError, match=r'executors\[merge\].*passes=\["merge"\]'):
            from_workflow(diamond())
        team = from_workflow(diamond(), passes=["merge"])
        assert [r.name for r in team.template.roles] == ["Writer", "Critic", "Checker", "Editor"]
        edges = ((0, 1), (0, 2), (0, 3), (1, 3), (2, 3))
        assert team.plan(QUERY, "Qwen3-8B").edges == edges

    def test_conditions_are_dropped(self) -> None:
        writer, critic, editor = three()
        made = WorkflowBuilder(start_executor=writer, output_from=[editor])
        made.add_edge(writer, critic, condition=lambda reply: False).add_edge(critic, editor)
        team = from_workflow(made.build())
        assert team.template.edges == ((0, 1),)

    def test_a_run_before_changes_nothing(self) -> None:
        """Agent Framework adds memory to agents as they run; it is no part of the team."""
        asked = Asked()
        agents = [Agent(asked, f"You are {name}.", name=name) for name in "ab"]
        workflow = sequential(*agents)
        asyncio.run(workflow.run("Why?"))
        assert asked.times == 2
        assert len(from_workflow(workflow).drawn.roles) == 2

    def test_what_cannot_be_carried_over_is_told(self) -> None:
        for make, said in WRONG.items():
            with pytest.raises(ConfigError, match=said):
                from_workflow(make())
        with pytest.raises(ConfigError, match="whom no other one reads"):
            from_workflow(sequential(), answers="Writer")
        with pytest.raises(ConfigError, match="passes: got 'Nobody'"):
            from_workflow(sequential(), passes=["Nobody"])
        with pytest.raises(ConfigError, match="module:attribute"):
            from_workflow("nowhere:workflow")

    def test_from_a_config(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "workflow_of_mine.py").write_text(
            "from tests.frameworks.test_agent_framework import sequential as workflow\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        mas = BaseMAS(encoder="offline", framework=from_workflow("workflow_of_mine:workflow"))
        assert [r.name for r in mas.template.roles] == ["Writer", "Critic", "Editor"]


class Asked(BaseChatClient[Any]):
    """Counts its calls."""

    times = 0

    async def _reply(self) -> Any:
        from agent_framework import ChatResponse

        self.times += 1
        return ChatResponse(messages=Message("assistant", ["Because."]))

    def _inner_get_response(self, **asked: Any) -> Any:
        return self._reply()


class Counting(Node):
    """Code of somebody's own."""

    @handler
    async def count(self, message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(message)


class Facts(ContextProvider):
    """Adds to what an agent reads."""


@agent_middleware
async def watching(context: Any, call_next: Any) -> None:
    await call_next()


def loop() -> Workflow:
    a, b, c = agent("a"), agent("b"), agent("c")
    made = WorkflowBuilder(start_executor=a, output_from=[c]).add_edge(a, b)
    made.add_edge(b, a, condition=lambda reply: True)
    return made.add_edge(b, c, condition=lambda reply: False).build()


def nested() -> Workflow:
    inner = WorkflowExecutor(sequential(), id="inner")
    return WorkflowBuilder(start_executor=inner, output_from=[inner]).build()


def chosen_by_code() -> Workflow:
    seat = AgentExecutor(agent("a"), context_mode="custom", context_filter=lambda said: said[:1])
    return WorkflowBuilder(start_executor=seat, output_from=[seat]).build()


def asking() -> Workflow:
    return SequentialBuilder(participants=three()).with_request_info().build()


def handing_on() -> Workflow:
    a, b = (agent(n, require_per_service_call_history_persistence=True) for n in "ab")
    return HandoffBuilder(participants=[a, b]).with_start_agent(a).build()


def chatting() -> Workflow:
    chosen: Callable[[Any], str] = lambda state: "Writer"  # noqa: E731
    return GroupChatBuilder(participants=three(), selection_func=chosen, max_rounds=2).build()


def another_agent() -> Workflow:
    return sequential(agent("a"), sequential().as_agent("inside"))


def counted() -> Workflow:
    counting = Counting(id="count")
    return WorkflowBuilder(start_executor=counting).add_edge(counting, agent("a")).build()


WRONG: dict[Callable[[], object], str] = {
    loop: r"workflow.edges: got 'a → b → a'|workflow.edges: got 'b → a → b'.*no loop",
    asking: "no human input",
    nested: "no nested workflow",
    chosen_by_code: "context_mode",
    handing_on: "handoffs",
    chatting: "chats",
    counted: r'executors\[count\].*passes=\["count"\]',
    another_agent: r"executors\[inside\]\.agent: got 'WorkflowAgent'",
    lambda: sequential(agent("a", tools=[add])): r"executors\[a\]\.tools: got \['add'\].*no tools",
    lambda: sequential(agent("a", instructions="")): r"executors\[a\]\.instructions",
    lambda: sequential(Agent(Silent(), "You are nobody.")): "a name",
    lambda: sequential(agent("a", context_providers=[Facts("facts")])): "context_providers.*Facts",
    lambda: sequential(agent("a", middleware=[watching])): "middleware.*watching",
    lambda: sequential(agent("a", default_options={"response_format": dict})): "response_format",
    object: "workflow: got 'object'",
}


@FEW
@given(plans(QUERY, twins=True))
def test_round_trip(plan: Plan) -> None:
    with Executor(SimulatedClient(0), CATALOGUE, DATA) as runs:
        assert from_workflow(to_workflow(plan, runs)).plan(QUERY) == plan


@FEW
@given(plans(QUERY, twins=True))
def test_replay_in_agent_framework_finds_every_call_that_our_executor_recorded(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    folder = str(tmp_path_factory.mktemp("calls"))
    replay_finds_every_call(from_workflow(sequential()), plan, folder)


def test_gateway_rules_hold_inside_agent_framework() -> None:
    team = from_workflow(diamond(), passes=["merge"])
    plan = team.plan(QUERY, "Qwen3-8B")
    a_cap_holds(team, plan)
    short = replace(plan, agents=tuple(replace(a, max_tokens=500) for a in plan.agents))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, framework=team) as runs:
        [whole] = runs.run([short])
        [cheap] = runs.run([replace(short, budget_usd=whole.cost * 0.7)])
        [late] = runs.run([replace(plan, rounds=2)])
    assert 0 < cheap.cost <= whole.cost * 0.7
    assert late.kind == "internal"
    assert "one round" in str(late.error)


def test_any_policy_chooses_from_it() -> None:
    mas = BaseMAS(encoder="offline", framework=from_workflow(sequential()), n_pools=1)
    policy = FixedGraph("Qwen3-8B", ["Critic"])
    policy.attach(mas.table)
    [made] = policy(mas.batch([QUERY]), sample=False).plans()
    with Executor(SimulatedClient(0), mas.catalogue, DATA, framework=mas.framework) as runs:
        [outcome] = runs.run([made])
    assert [c.role for c in outcome.calls] == ["Critic"]
