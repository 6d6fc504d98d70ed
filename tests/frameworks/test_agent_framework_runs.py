"""Plans that Agent Framework carries out on its user's loop, with calls of an executor's."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from hypothesis import given, settings

pytest.importorskip("agent_framework")
pytest.importorskip("agent_framework_orchestrations")

from agent_framework import Content, Message, Workflow

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError, EndpointError
from abgnn.frameworks.agent_framework import from_workflow, to_workflow
from abgnn.rollout import Agent as Chosen
from abgnn.rollout import (
    Caps,
    Deadline,
    Executor,
    OpenAIClient,
    Outcome,
    Plan,
    Recording,
    RolloutSettings,
)
from abgnn.rollout.clients.base import CallError
from tests.frameworks.bridges import CATALOGUE, FEW, QUERY, at
from tests.frameworks.some_plans import plans
from tests.frameworks.test_agent_framework import diamond, sequential
from tests.frameworks.tiny_openai import echo, serving, sums
from tests.servers.fixtures import Server as Stub
from tests.servers.fixtures import running


class Watched(Executor):
    """Keeps the outcome of what was submitted once it has ended."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.outcomes: Queue[Outcome] = Queue()

    def submit(self, *args: Any, **kwargs: Any) -> Future[Outcome]:
        future = super().submit(*args, **kwargs)
        future.add_done_callback(lambda ended: self.outcomes.put(ended.result()))
        return future


@settings(FEW, max_examples=6)
@given(plans(QUERY))
def test_requests_are_those_of_our_executor(plan: Plan) -> None:
    changes = {"max_tokens": 99, "prompt_suffix": "Be brief.", "extra_body": {"top_k": 1}}
    with serving(echo) as server, Executor(OpenAIClient(), at(server, **changes)) as runs:
        [ours] = runs.run([plan])
        ours_asked, server.bodies = server.bodies, []
        result = asyncio.run(to_workflow(plan, runs).run(QUERY.text))
    assert sorted(map(json.dumps, server.bodies)) == sorted(map(json.dumps, ours_asked))
    [answer] = result.get_outputs()
    assert answer.text == ours.answer
    others = result.get_intermediate_outputs()
    assert len(others) == len(plan.agents) - 1
    notes = [reply.additional_properties for reply in (answer, *others)]
    assert sum(note["cost_usd"] for note in notes) == pytest.approx(ours.cost)
    assert {note["backbone"] for note in notes} == {a.backbone for a in plan.agents}
    assert answer.usage_details["input_token_count"] == 100


def test_its_runs_are_agent_frameworks_and_remember_nothing() -> None:
    async def use(workflow: Workflow) -> tuple[str, list[Any]]:
        first = await workflow.run("What is 1 + 2?")
        task = [Message("user", ["And 4 + 5?"]), "Please."]
        return first.get_outputs()[-1].text, [e async for e in workflow.run(task, stream=True)]

    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with serving(sums) as server, Executor(OpenAIClient(), at(server)) as runs:
        text, events = asyncio.run(use(to_workflow(plan, runs)))
    assert text == "The sum is 3"
    answer = [e.data.text for e in events if e.type == "output" and e.executor_id == "Editor"]
    assert "".join(answer) == "The sum is 9"
    said = [e.executor_id for e in events if e.type == "intermediate"]
    assert said == ["Writer", "Critic"]
    asked = [body["messages"][1]["content"] for body in server.bodies]
    assert asked[3] == "And 4 + 5?\n\nPlease."
    assert asked[4] == "And 4 + 5?\n\nPlease.\n\n[Writer] answered:\nThe sum is 9"


def test_the_answer_comes_while_it_is_written() -> None:
    async def use(workflow: Workflow, stub: Stub) -> list[Any]:
        stream = workflow.run("Right?", stream=True)
        pieces = []
        async for event in stream:
            if event.type == "output":
                if not pieces:
                    assert stub.stats()["in_flight"] == 1
                    stub.change(events=None)  # it goes on
                pieces.append(event.data)
        return pieces

    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with running(delay_s=0.0, events=2) as stub, Watched(OpenAIClient(), at(stub)) as runs:
        pieces = asyncio.run(use(to_workflow(plan, runs), stub))
        outcome = runs.outcomes.get(timeout=60)
    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == outcome.answer != ""
    assert pieces[-1].additional_properties["cost_usd"] == outcome.calls[-1].cost > 0


def test_it_works_as_an_agent() -> None:
    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with serving(sums) as server, Executor(OpenAIClient(), at(server)) as runs:
        agent = to_workflow(plan, runs).as_agent("Team")
        assert asyncio.run(agent.run("What is 1 + 2?")).messages[-1].text == "The sum is 3"


def test_a_recording_pays_once(tmp_path: Path) -> None:
    kept = RolloutSettings(recording=Recording(str(tmp_path / "calls.sqlite")))
    plan = from_workflow(diamond(), passes=["merge"]).plan(QUERY, "Qwen3-8B")
    with serving(sums) as server:
        for _ in range(2):
            with Executor(OpenAIClient(), at(server), settings=kept) as runs:
                result = asyncio.run(to_workflow(plan, runs).run("What is 1 + 2?"))
            assert result.get_outputs()[-1].text == "The sum is 3"
    assert len(server.bodies) == 4


def test_budgets_and_deadlines_hold_for_the_question() -> None:
    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    plan = replace(plan, agents=tuple(replace(a, max_tokens=100) for a in plan.agents))
    with serving(sums) as server:
        with Executor(OpenAIClient(), at(server)) as runs:
            poor = to_workflow(replace(plan, budget_usd=1e-9), runs)
            with pytest.raises(CallError, match="budget"):
                asyncio.run(poor.run("What is 1 + 2?"))
        capped = RolloutSettings(caps=Caps(run_usd=1e-9, max_tokens=100))
        with Executor(OpenAIClient(), at(server), settings=capped) as runs:
            dear = to_workflow(plan, runs)
            with pytest.raises(CallError, match="budget"):
                asyncio.run(dear.run("What is 1 + 2?"))
        assert server.bodies == []
        server.seconds = 1.0
        rules = RolloutSettings(deadline=Deadline(0.5))
        with Executor(OpenAIClient(), at(server), settings=rules) as runs:
            late = to_workflow(plan, runs)
            with pytest.raises(CallError, match="deadline"):
                asyncio.run(late.run("What is 1 + 2?"))


def test_a_failing_call_fails_the_run_and_the_next_one_works() -> None:
    down = threading.Event()
    down.set()

    def sometimes(body: dict[str, Any]) -> dict[str, Any]:
        return {"role": "assistant", "content": None} if down.is_set() else sums(body)

    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with serving(sometimes) as server, Executor(OpenAIClient(), at(server)) as runs:
        workflow = to_workflow(plan, runs)
        with pytest.raises(CallError, match=r"empty.*Writer"):
            asyncio.run(workflow.run("What is 1 + 2?"))
        assert len(server.bodies) == 1
        down.clear()
        again = asyncio.run(workflow.run("What is 1 + 2?"))
    assert again.get_outputs()[-1].text == "The sum is 3"


def test_whoever_cancels_pays_for_calls_under_way_and_for_no_more() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(body: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        assert go_on.wait(60)
        return sums(body)

    async def cancelled(workflow: Workflow) -> None:
        run = asyncio.ensure_future(workflow.run("What is 1 + 2?"))
        await asyncio.to_thread(asked.wait, 60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        go_on.set()

    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with serving(slow) as server, Watched(OpenAIClient(), at(server)) as runs:
        asyncio.run(cancelled(to_workflow(plan, runs)))
        outcome = runs.outcomes.get(timeout=60)
    assert len(server.bodies) == 1
    assert [call.text for call in outcome.calls] == ["The sum is 3"]
    assert outcome.paid > 0


def test_whoever_drops_a_run_ends_it() -> None:
    async def dropped(runs: Executor) -> None:
        stream = to_workflow(plan, runs).run("What is 1 + 2?", stream=True)
        async for event in stream:
            if event.type == "intermediate":
                break

    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    with serving(sums) as server, Watched(OpenAIClient(), at(server)) as runs:
        asyncio.run(dropped(runs))
        gc.collect()
        outcome = runs.outcomes.get(timeout=60)
    assert len(server.bodies) == len(outcome.calls) < 3


def test_plans_and_keys_are_checked_before_money_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    secret = Catalogue(tuple(replace(b, api_key_env="NO_SUCH_KEY") for b in CATALOGUE))
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with Executor(OpenAIClient(), secret) as runs:
        with pytest.raises(EndpointError, match="NO_SUCH_KEY"):
            to_workflow(plan, runs)
        nowhere = (Chosen(plan.agents[0].role, "no"), *plan.agents[1:])
        for wrong, said in (
            (replace(plan, rounds=2), "rounds"),
            (replace(plan, agents=nowhere), "backbone"),
        ):
            with pytest.raises(ConfigError, match=said):
                to_workflow(wrong, runs)


def test_a_task_that_is_no_text_is_refused() -> None:
    plan = from_workflow(sequential()).plan(QUERY, "Qwen3-8B")
    content = Content.from_uri("https://example.com/a.png", media_type="image/png")
    with serving(sums) as server, Executor(OpenAIClient(), at(server)) as runs:
        workflow = to_workflow(plan, runs)
        with pytest.raises(ConfigError, match="task: got 'uri'"):
            asyncio.run(workflow.run(Message("user", [content])))
    assert server.bodies == []
