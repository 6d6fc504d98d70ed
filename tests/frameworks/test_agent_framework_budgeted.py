"""`budgeted`: planned or chosen workflows behind Agent Framework's interface."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agent_framework")
pytest.importorskip("agent_framework_orchestrations")

from abgnn.errors import ConfigError, EndpointError
from abgnn.experiments.experiment import build
from abgnn.frameworks import StagedFramework
from abgnn.frameworks.agent_framework import BudgetedWorkflow, budgeted
from abgnn.models import FixedGraph
from abgnn.rollout import Caps, RolloutSettings
from abgnn.rollout.clients.base import CallError
from tests.frameworks.bridges import add, two_llms
from tests.frameworks.test_agent_framework import agent, concurrent, sequential
from tests.frameworks.tiny_openai import Server, serving, sums

CONFIG = """
model:
  mas:
    framework:
      class_path: abgnn.frameworks.agent_framework.StagedWorkflowTeam
      init_args: {workflow: "my_team:workflow"}
"""
SMALL = (100 * 0.05 + 10 * 0.2) * 1e-6


def made(server: Server, questions: str | None = None, **how: Any) -> BudgetedWorkflow:
    chosen: dict[str, Any] = {"encoder": "offline", "domain": "math", **how}
    return budgeted(sequential(), two_llms(server), questions, **chosen)


def test_what_is_learned_keeps_within_budgets(questions: str) -> None:
    with serving(sums) as server:
        workflow = made(server, questions, cost_usd=2e-5, rollouts=12)
        assert workflow.chooser.label == "live"
        learned = len(server.bodies)
        with workflow:
            result = asyncio.run(workflow.run("What is 4 + 5?"))
        assert learned > 12
        assert {body["model"] for body in server.bodies[learned:]} == {"small-8b"}
    assert result.get_outputs()[-1].text == "The sum is 9"
    assert workflow.cost(result) == pytest.approx((len(server.bodies) - learned) * SMALL)
    assert workflow.cost(result) <= 2e-5


@pytest.mark.usefixtures("questions")
def test_agent_frameworks_interface() -> None:
    async def use(workflow: BudgetedWorkflow) -> tuple[list[str], list[Any]]:
        several = [workflow.run(f"What is {i} + 1?") for i in range(3)]
        results = await asyncio.gather(*several)
        stream = workflow.run("What is 4 + 5?", stream=True)
        events = [event async for event in stream]
        assert workflow.cost(await stream.get_final_response()) == pytest.approx(3 * SMALL)
        return [result.get_outputs()[-1].text for result in results], events

    with serving(sums) as server, made(server, checkpoint=FixedGraph("small")) as workflow:
        plan = workflow.plan("Why?")
        assert [a.role.name for a in plan.agents] == ["Writer", "Critic", "Editor"]
        assert server.bodies == []
        texts, events = asyncio.run(use(workflow))
    assert texts == ["The sum is 1", "The sum is 2", "The sum is 3"]
    assert "".join(e.data.text for e in events if e.type == "output") == "The sum is 9"
    assert "StagedWorkflowTeam(AgentFramework: Writer, Critic, Editor)" in repr(workflow)


@pytest.mark.usefixtures("questions")
def test_hard_limits_hold_in_later_runs() -> None:
    """The cap admits one question of three calls at most (a worst case is 2.4e-5 USD a call)."""
    rules = RolloutSettings(caps=Caps(run_usd=4.5e-5))
    with serving(sums) as server:
        chosen = FixedGraph("small")
        with made(server, checkpoint=chosen, settings=rules) as workflow:
            result = asyncio.run(workflow.run("What is 1 + 2?"))
            assert workflow.cost(result) == pytest.approx(3 * SMALL)
            with pytest.raises(CallError, match="budget"):
                asyncio.run(workflow.run("What is 1 + 2?"))
    assert 3 <= len(server.bodies) < 6


def test_what_is_wrong_is_told_before_money_is_spent(questions: str) -> None:
    with pytest.raises(ConfigError, match="exactly one"):
        budgeted(sequential(), "catalogues/paper.yaml")
    with pytest.raises(ConfigError, match=r"q2\.jsonl"):
        budgeted(sequential(), "catalogues/paper.yaml", "q2.jsonl", encoder="offline")
    with pytest.raises(ConfigError, match="no tools"):
        budgeted(sequential(agent("a", tools=[add])), "catalogues/paper.yaml", questions)
    with pytest.raises(ConfigError, match="answers"):
        budgeted(concurrent(), "catalogues/paper.yaml", questions)


@pytest.mark.usefixtures("questions")
def test_a_backbone_that_nobody_serves_is_told_before_the_first_call() -> None:
    with serving(sums) as server:
        pass  # it is gone
    chosen = FixedGraph("small")
    with (
        made(server, checkpoint=chosen) as workflow,
        pytest.raises(EndpointError, match="small"),
    ):
        workflow.run("What is 1 + 2?")


@pytest.mark.usefixtures("elsewhere")
def test_a_workflow_in_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "from tests.frameworks.test_agent_framework import sequential as workflow\n"
    (tmp_path / "my_team.py").write_text(source)
    (tmp_path / "team.yaml").write_text(CONFIG)
    experiment = build(["simulated/general.yaml", "team.yaml"], ["--trainer.logger=false"])
    assert isinstance(experiment.model.mas.framework, StagedFramework)
    assert [r.name for r in experiment.model.mas.template.roles] == ["Writer", "Critic", "Editor"]
