"""The OpenAI Agents SDK on a system, as on any model: by either API, streamed or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("agents")

import agents
import openai

from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import LocalClient
from abgnn.serve.sources import PolicySource
from abgnn.serve.system import System
from tests.serve.http.helpers import KEY, Running, served

MODELS = ["OpenAIResponsesModel", "OpenAIChatCompletionsModel"]
EACH = pytest.mark.parametrize("kind", MODELS)
BUDGET = {"abgnn.cost_usd": "0.01", "abgnn.latency_s": "60"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with served(System.load("simulated/general.yaml"), key=KEY) as started:
        yield started


def run(server: Running, kind: str, work: Any, **settings: Any) -> Any:
    """What `work` makes of an agent on the system."""

    async def session() -> Any:
        async with openai.AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
            agent = agents.Agent(
                name="Historian",
                instructions="Answer in one word.",
                model=getattr(agents, kind)(model="abgnn", openai_client=client),
                model_settings=agents.ModelSettings(include_usage=True, **settings),
            )
            return await work(agent, agents.RunConfig(tracing_disabled=True))

    return asyncio.run(session())


@EACH
def test_an_agent_answers_and_its_tokens_are_counted(server: Running, kind: str) -> None:
    async def work(agent: Any, config: Any) -> Any:
        return await agents.Runner.run(agent, "Who signed the treaty?", run_config=config)

    result = run(server, kind, work, metadata=BUDGET)
    with openai.OpenAI(base_url=server.url, api_key=KEY) as client:
        plain = client.responses.create(
            model="abgnn", input="Who signed the treaty?", instructions="Answer in one word.",
            metadata=BUDGET,
        )  # fmt: skip
    assert result.final_output == plain.output_text
    assert plain.usage is not None
    used = result.context_wrapper.usage
    assert (used.requests, used.input_tokens, used.output_tokens) == (
        1, plain.usage.input_tokens, plain.usage.output_tokens,
    )  # fmt: skip


@EACH
def test_a_streamed_run(server: Running, kind: str) -> None:
    """Text, final answer and account of dollars and seconds, which come in the last raw event."""

    async def work(agent: Any, config: Any) -> Any:
        result = agents.Runner.run_streamed(agent, "Who signed the treaty?", run_config=config)
        raw = [e.data async for e in result.stream_events() if e.type == "raw_response_event"]
        return result, raw

    result, raw = run(server, kind, work)
    pieces = [event.delta for event in raw if event.type == "response.output_text.delta"]
    assert "".join(pieces) == result.final_output != ""
    assert result.context_wrapper.usage.output_tokens > 0
    if kind == MODELS[0]:
        account = raw[-1].response.model_extra["abgnn"]
        assert account["calls_are"] == "simulated"
        assert account["cost_usd"] > 0
        assert account["latency_s"] > 0


@EACH
def test_a_conversation_goes_on(server: Running, kind: str) -> None:
    """The SDK sends earlier answers back as items of its own making."""

    async def work(agent: Any, config: Any) -> Any:
        first = await agents.Runner.run(agent, "Who signed the treaty?", run_config=config)
        items = [*first.to_input_list(), {"role": "user", "content": "And when?"}]
        return first, await agents.Runner.run(agent, items, run_config=config)

    first, second = run(server, kind, work)
    text = (
        "User: Who signed the treaty?\n\n"
        f"Assistant: {first.final_output}\n\nUser: And when?"
    )  # fmt: skip
    with openai.OpenAI(base_url=server.url, api_key=KEY) as client:
        plain = client.responses.create(
            model="abgnn", input=f"Instructions: Answer in one word.\n\n{text}"
        )
    assert second.final_output == plain.output_text


@EACH
def test_an_agent_is_a_tool_of_another(server: Running, kind: str) -> None:
    """A specialist on the system, whose caller is any model; here the SDK's tool is called."""

    async def work(agent: Any, config: Any) -> Any:
        tool = agent.as_tool("historian", "Answers questions of history.", run_config=config)
        context = agents.tool_context.ToolContext(
            context=None, tool_name="historian", tool_call_id="1", tool_arguments="{}"
        )
        return await tool.on_invoke_tool(context, '{"input": "Who signed the treaty?"}')

    assert run(server, kind, work).strip()


@EACH
@pytest.mark.parametrize("streamed", [False, True])
def test_a_budget_that_admits_no_call(server: Running, kind: str, streamed: bool) -> None:
    async def work(agent: Any, config: Any) -> Any:
        if not streamed:
            return await agents.Runner.run(agent, "Who?", run_config=config)
        result = agents.Runner.run_streamed(agent, "Who?", run_config=config)
        return [event async for event in result.stream_events()]

    wrong = (openai.APIError, agents.exceptions.ModelBehaviorError)
    with pytest.raises(wrong, match="the system could not answer: budget"):
        run(server, kind, work, metadata={"abgnn.cost_usd": "1e-7"})


@EACH
def test_tools_of_the_agent_are_refused_by_name(server: Running, kind: str) -> None:
    @agents.function_tool
    def today() -> str:
        """The date."""
        raise AssertionError("nothing is executed")

    async def work(agent: Any, config: Any) -> Any:
        return await agents.Runner.run(agent.clone(tools=[today]), "When?", run_config=config)

    with pytest.raises(openai.BadRequestError, match="tools: allowed is nothing"):
        run(server, kind, work)


@pytest.mark.live
@EACH
def test_a_real_llm_behind_it(smollm2: str, kind: str) -> None:
    mas = BaseMAS(
        "math", smollm2, role_set="roles/calculator.yaml", encoder="offline", n_pools=1
    )  # fmt: skip
    trained = Trained(FixedGraph("smollm2-steps", ["Calculator"]), mas, LocalClient())

    async def work(agent: Any, config: Any) -> Any:
        result = agents.Runner.run_streamed(agent, "What is 2 + 3?", run_config=config)
        raw = [e.data async for e in result.stream_events() if e.type == "raw_response_event"]
        return result, [e.delta for e in raw if e.type == "response.output_text.delta"]

    with served(System(PolicySource(trained.deployment, trained)), key=KEY) as server:
        result, pieces = run(server, kind, work)
    assert "".join(pieces) == result.final_output
    assert len(pieces) > 2, "it comes token by token"
    assert result.context_wrapper.usage.output_tokens > 0
