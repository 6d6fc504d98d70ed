"""Closed loops as group chats of AutoGen's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("autogen_agentchat")
pytest.importorskip("autogen_ext.models.openai")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_core.models import ChatCompletionClient

from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.frameworks.autogen import openai_client, to_autogen
from abgnn.frameworks.autogen.clients import AnsweringClient
from abgnn.models.programs import AdaptiveConsistencyProgram
from abgnn.models.programs.closed_loop import Reader
from abgnn.rollout import Agent, Plan
from tests.frameworks.bridges import CATALOGUE, add, at
from tests.frameworks.some_loops import ANSWERS, by_executor, loop, saying
from tests.frameworks.tiny_openai import serving


def run(plan: Plan, server: Any, **more: Any) -> TaskResult:
    made = to_autogen(plan, at(server), **more)
    assert isinstance(made, SelectorGroupChat)
    return asyncio.run(made.run(task=plan.query.text))


@pytest.mark.parametrize(("answers", "asked"), ANSWERS)
def test_a_closed_loop_decides_in_autogen_as_in_our_executor(
    answers: tuple[str, ...], asked: int
) -> None:
    with serving(saying(*answers)) as server:
        ours = by_executor(loop(), server)
        result = run(loop(), server)
    *_, last = result.messages
    assert (last.source, last.to_text()) == ("answer", ours.answer)
    assert float(last.metadata["probability"]) == pytest.approx(
        ours.steps[-1].probability, abs=1e-4
    )
    assert len(ours.calls) == asked
    before, after = server.bodies[:asked], server.bodies[asked:]  # who speaks asks nobody
    assert [spelled(body) for body in after] == [spelled(body) for body in before]


def test_free_texts_that_answer_a_users_question_are_not_compared() -> None:
    """Each is as likely right as its agent: the dear one is asked after the first, no other."""
    own = Query("ask/1", "Why is the sky blue?", "general")
    plan = replace(loop(), query=own)
    with serving(
        saying(*(f"Air scatters short waves, as {n} says. " * 9 for n in "ABC"))
    ) as server:
        ours = by_executor(plan, server)
        result = run(plan, server)
    assert result.messages[-1].to_text() == ours.answer
    count = len(ours.calls)
    assert count < 3
    before, after = server.bodies[:count], server.bodies[count:]
    assert [spelled(body) for body in after] == [spelled(body) for body in before]


def spelled(body: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in body.items() if k != "stream"}, sort_keys=True)


def test_a_reader_is_given_all_answers_and_its_own_stands() -> None:
    growth = (0.0, 4.0, 8.0, 12.0, 16.0)
    judge = Reader(0.8, growth, (0.0, 1.0, 1.0, 1.0, 1.0), (1e-5,) * 5, (1.0,) * 5)
    plan = loop(readers=(judge,))
    role = Role("Critic", "Judge them.")
    plan = replace(plan, agents=(*plan.agents, Agent(role, "Qwen3-14B", 50)))
    with serving(saying("A", "B", "C", "D")) as server:
        ours = by_executor(plan, server)
        result = run(plan, server)
    assert [m.source for m in result.messages][-2:] == ["Critic", "answer"]
    assert result.messages[-1].to_text() == ours.answer == "The answer is D."
    count = len(ours.calls)
    assert [spelled(b) for b in server.bodies[count:]] == [
        spelled(b) for b in server.bodies[:count]
    ]


class Down(AnsweringClient):
    async def answer(self, messages: object) -> str:
        raise OSError("it is down")


def without(*down: str) -> Callable[..., ChatCompletionClient]:
    """Clients, of which some always fail."""
    return lambda b, n: Down() if b.name in down else openai_client(b, n)


def test_a_failed_call_ends_no_loop_unless_all_fail() -> None:
    with serving(saying("B", "B", "B")) as server:
        result = run(loop(), server, client=without("Qwen3-8B"))
        assert result.messages[-1].to_text() == "The answer is B."
        failed = [m.metadata["failed"] for m in result.messages if "failed" in m.metadata]
        assert failed == ["OSError: it is down"]
        with pytest.raises(RuntimeError, match="no agent has answered: OSError: it is down; "):
            run(loop(), server, client=without("Qwen3-1.7B", "Qwen3-8B", "Qwen3-32B"))


def test_every_task_starts_afresh_and_tools_are_lent() -> None:
    client = openai_client(replace(CATALOGUE["Qwen3-8B"], api_key_env=None))
    team = RoundRobinGroupChat([AssistantAgent("Expert", client, tools=[add])])
    with serving(saying("A", "B", "B")) as server:
        made = to_autogen(loop(), at(server), like=team)

        async def twice() -> list[TaskResult]:
            return [await made.run(task="What is 1 + 1?"), await made.run(task="What is 2 + 2?")]

        first, second = asyncio.run(twice())
    assert len(first.messages) == len(second.messages) == 5
    assert len(server.bodies) == 6
    assert "1 + 1" not in json.dumps(server.bodies[3:])
    assert [bool(body.get("tools")) for body in server.bodies] == [False, False, True] * 2


def test_loops_of_programs_and_other_programs_are_refused() -> None:
    forms = {"form_right": ((0.1, 0.1, 0.8),) * 3, "form_wrong": ((0.1, 0.8, 0.1),) * 3}
    with pytest.raises(ConfigError, match="programs run with examples"):
        to_autogen(loop(keys=False, **forms), CATALOGUE)
    with pytest.raises(
        ConfigError, match="got 'AdaptiveConsistencyProgram'; allowed: a closed loop"
    ):
        to_autogen(replace(loop(), program=AdaptiveConsistencyProgram()), CATALOGUE)
