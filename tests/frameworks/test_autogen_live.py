"""From a real AutoGen team to a trained policy, and back into AutoGen, on a real LLM."""

from __future__ import annotations

import asyncio

import pytest
from lightning.pytorch import Trainer

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

from abgnn.data.catalogue import Catalogue
from abgnn.frameworks.autogen import from_autogen, to_autogen
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.rollout import Executor, OpenAIClient, Outcome, Plan
from abgnn.training import Reinforce
from datamodules import Arithmetic

pytestmark = pytest.mark.live
PROMPTS = {
    "Solver": "You solve arithmetic problems.",
    "Checker": "You check arithmetic.",
    "Answerer": "You state the result.",
}


@pytest.fixture(scope="module")
def smol(smollm2: str) -> Catalogue:
    return Catalogue.from_yaml(smollm2)


def team() -> RoundRobinGroupChat:
    """What somebody runs already."""
    llm = OpenAIChatCompletionClient(model="gpt-4o", api_key="none")
    agents = [AssistantAgent(n, llm, system_message=prompt) for n, prompt in PROMPTS.items()]
    return RoundRobinGroupChat([*agents], max_turns=3)


@pytest.mark.slow
def test_train_on_an_autogen_team_and_run_the_result_in_autogen(
    smol: Catalogue, smollm2: str
) -> None:
    framework = from_autogen(team())
    mas = BaseMAS("math", encoder="offline", n_pools=1, framework=framework, catalogue=smollm2)
    module = Reinforce(
        AgentBalance(in_channels=384, delta=0.0),
        mas,
        OpenAIClient(),
        lambda_tok=1e4,
        lambda_lat=0.02,
        samples=2,
        lr=0.01,
    )
    before = [p.detach().clone() for p in module.policy.parameters()]
    data = Arithmetic(n_train=2, n_val=1, n_test=1, batch_size=2)
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    assert int(module.rollouts) == 4
    assert float(module.spent_usd) > 0
    after = module.policy.parameters()
    assert any((p != q).any() for p, q in zip(before, after, strict=True))

    data.setup("test")
    [query] = data.queries("test")[:1]
    module.policy.attach(mas.table)
    [chosen] = module.plans([query])
    result = asyncio.run(in_autogen(chosen, smol))
    assert len(result.messages) == 1 + len(chosen.agents)
    assert all(m.models_usage.prompt_tokens > 10 for m in result.messages[1:] if m.models_usage)

    everybody = framework.plan(query, ["smollm2-equation", "smollm2-number", "smollm2-number"])
    ours, theirs = outcomes(everybody, smol)
    assert theirs.error is None
    assert [c.role for c in theirs.calls] == list(PROMPTS)
    assert [c.text for c in theirs.calls] == [c.text for c in ours.calls]  # temperature 0
    assert theirs.usage.prompt_tokens == ours.usage.prompt_tokens
    assert theirs.usage.completion_tokens == ours.usage.completion_tokens
    assert theirs.latency > 0


async def in_autogen(plan: Plan, catalogue: Catalogue) -> TaskResult:
    result = await to_autogen(plan, catalogue).run(task=plan.query.text)
    assert isinstance(result.messages[-1], TextMessage)
    assert result.messages[-1].content
    return result


def outcomes(plan: Plan, catalogue: Catalogue) -> tuple[Outcome, Outcome]:
    """A plan carried out by abgnn, and by AutoGen with clients of its own."""
    with Executor(OpenAIClient(), catalogue) as runs:
        [ours] = runs.run([plan])
    with Executor(OpenAIClient(), catalogue, framework=from_autogen(team(), catalogue)) as runs:
        [theirs] = runs.run([plan])
    return ours, theirs
