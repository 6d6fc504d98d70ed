"""A workflow of Agent Framework's on a real LLM: within budgets, and as abgnn carries it out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("agent_framework_openai")
pytest.importorskip("agent_framework_orchestrations")

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient, OpenAIChatCompletionOptions
from agent_framework.orchestrations import SequentialBuilder

from abgnn.data.catalogue import Catalogue
from abgnn.frameworks.agent_framework import budgeted, from_workflow, to_workflow
from abgnn.rollout import Caps, Executor, OpenAIClient, RolloutSettings
from datamodules import Arithmetic

pytestmark = pytest.mark.live
PROMPTS = {
    "Solver": "You solve arithmetic problems.",
    "Checker": "You check arithmetic.",
    "Answerer": "You state the result.",
}


@pytest.mark.slow
def test_a_workflow_learns_runs_and_is_abgnns(
    smollm2: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalogue = Catalogue.from_yaml(smollm2)
    first = catalogue.backbones[0]
    client = OpenAIChatCompletionClient(first.model, base_url=first.base_url, api_key="none")
    short = OpenAIChatCompletionOptions(max_tokens=16)
    agents = [
        Agent(client, prompt, name=name, default_options=short) for name, prompt in PROMPTS.items()
    ]
    # llama.cpp takes no two assistant messages at the end
    chain = SequentialBuilder(participants=agents, ensure_trailing_user_turn=True)
    workflow = chain.build()
    data = Arithmetic(n_train=2, n_val=1, n_test=1, batch_size=2)
    data.setup("test")
    [query] = data.queries("test")[:1]
    theirs = asyncio.run(workflow.run(query.text))  # as its owner runs it
    assert theirs.get_outputs()[-1].usage_details["input_token_count"] > 10

    capped = RolloutSettings(caps=Caps(run_usd=1.0))
    with budgeted(
        workflow, smollm2, data, latency_s=600, rollouts=4, domain="math", encoder="offline",
        settings=capped,
    ) as within:  # fmt: skip
        assert within.chooser.label == "live"
        result = asyncio.run(within.run(query.text))
        assert result.get_outputs()[-1].text
        assert within.cost(result) > 0

    plan = from_workflow(workflow).plan(query, [b.name for b in catalogue][:1] * 3)
    with Executor(OpenAIClient(), catalogue) as runs:
        [ours] = runs.run([plan])
        carried = asyncio.run(to_workflow(plan, runs).run(query.text))
    replies = [*carried.get_intermediate_outputs(), *carried.get_outputs()]
    assert [r.text for r in replies] == [c.text for c in ours.calls]  # temperature 0
    asked = [r.usage_details["input_token_count"] for r in replies]
    assert asked == [c.usage.prompt_tokens for c in ours.calls]
