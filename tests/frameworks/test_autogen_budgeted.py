"""`budgeted`: planned or trained teams behind AutoGen's interface; frameworks named in configs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat

from abgnn.cli.main import main
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.frameworks import Framework
from abgnn.frameworks.autogen import BudgetedTeam, budgeted
from abgnn.rollout import SimulatedClient
from tests.frameworks.bridges import add, at, two_llms
from tests.frameworks.test_autogen import agent, three
from tests.frameworks.tiny_openai import serving, sums

TEAM = """
from autogen_agentchat.teams import RoundRobinGroupChat
from tests.frameworks.test_autogen import three
team = lambda: RoundRobinGroupChat(three())
"""
CONFIG = """
model:
  mas:
    framework:
      class_path: {0}
      init_args: {{{1}}}
"""


def plan_within(usd: float, questions: str, **how: Any) -> BudgetedTeam:
    return budgeted(
        RoundRobinGroupChat(three()),
        "catalogues/paper.yaml",
        questions,
        cost_usd=usd,
        domain="math",
        encoder="offline",
        client=SimulatedClient(0),
        **how,
    )


def test_budgets_decide_and_a_folder_remembers(questions: str) -> None:
    poor = plan_within(1e-4, questions, rollouts=60)
    kept = Path("runs/budgeted/calibration.json").read_text()
    rich = plan_within(1e-2, questions, rollouts=60)
    assert Path("runs/budgeted/calibration.json").read_text() == kept
    assert poor.chooser.label == "simulated"
    assert "simulated" in repr(poor)
    assert poor.chooser.expected is not None
    assert rich.chooser.expected is not None
    assert poor.chooser.expected["cost_usd"] <= 1e-4 < rich.chooser.expected["cost_usd"]
    told = plan_within(1e-2, questions, rollouts=0)  # another kind of knowledge: made anew
    assert told.chooser.label == "profiles only"
    assert poor.chooser.expected["accuracy"] < rich.chooser.expected["accuracy"]
    with pytest.raises(ConfigError, match=r"cost_usd: got 1e-12; allowed: at least \$"):
        plan_within(1e-12, questions, rollouts=60)


def test_autogens_interface(questions: str) -> None:
    team = plan_within(1e-2, questions, rollouts=60)

    async def use(team: BudgetedTeam) -> tuple[TaskResult, list[Any]]:
        task = [TextMessage(content="What is 2 + 3?", source="user")]
        result = await team.run(task=task, output_task_messages=False)
        await team.reset()
        return result, [event async for event in team.run_stream(task="What is 4 + 5?")]

    with serving(sums) as server:
        team.catalogue = at(server)
        result, events = asyncio.run(use(team))
    assert result.messages[-1].to_text() == "The sum is 5"  # type: ignore[union-attr]
    plan = team.plan("What is 2 + 3?")
    assert len(result.messages) == len(plan.agents)
    priced = [team.catalogue[a.backbone] for a in plan.agents]
    expected = sum((100 * b.price_in + 10 * b.price_out) * 1e-6 for b in priced)
    assert team.cost(plan, result) == pytest.approx(expected)
    assert isinstance(events[-1], TaskResult)
    assert events[-2].to_text() == "The sum is 9"


def test_tools_are_kept_while_learning_and_running(questions: str) -> None:
    adder = agent("Adder", tools=[add], reflect_on_tool_use=True)
    team = RoundRobinGroupChat([adder, agent("Editor")])
    with serving(sums) as server:
        made = budgeted(
            team, two_llms(server), questions, encoder="offline", rollouts=12, domain="math"
        )
        learned = len(server.bodies)
        result = asyncio.run(made.run(task="What is 2 + 3?"))
    assert made.chooser.label == "live"
    assert learned > 12
    assert result.messages[-1].to_text() == "The sum is 5"  # type: ignore[union-attr]
    assert any("tools" in body for body in server.bodies)


def test_what_is_wrong_is_told_before_money_is_spent(questions: str) -> None:
    team = RoundRobinGroupChat(three())
    with pytest.raises(ConfigError, match="exactly one"):
        budgeted(team, "catalogues/paper.yaml")
    with pytest.raises(ConfigError, match=r"q2\.jsonl"):
        budgeted(team, "catalogues/paper.yaml", "q2.jsonl", encoder="offline")
    tooled = RoundRobinGroupChat([agent("a", tools=[add])])
    with pytest.raises(ConfigError, match="caps do not reach"):
        budgeted(tooled, "catalogues/paper.yaml", questions, calibrate_usd=1.0)


@pytest.mark.usefixtures("elsewhere")
def test_a_team_in_a_config_is_trained_and_its_checkpoint_runs_it(tmp_path: Path) -> None:
    (tmp_path / "my_team.py").write_text(TEAM)
    staged = CONFIG.format("abgnn.frameworks.autogen.StagedAutoGenTeam", 'team: "my_team:team"')
    (tmp_path / "team.yaml").write_text(staged)
    few = ["--data.init_args.n_train=4", "--model.samples=2"]
    assert main(["fit", "--config", "simulated/general.yaml", "--config", "team.yaml", *few]) == 0
    [checkpoint] = (tmp_path / "runs").rglob("*.ckpt")
    team = budgeted(
        RoundRobinGroupChat(three()), "catalogues/paper.yaml", checkpoint=str(checkpoint)
    )
    assert {a.role.name for a in team.plan("Why?").agents} <= {"Writer", "Critic", "Editor"}
    with pytest.raises(ConfigError, match="one of the team's roles"):
        budgeted(
            RoundRobinGroupChat([agent("Other")]),
            "catalogues/paper.yaml",
            checkpoint=str(checkpoint),
        )


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("tests.frameworks.home_made.Pipeline", "catalogue: {file}"),
        ("abgnn.frameworks.autogen.AutoGenTeam", 'team: "my_team:team", catalogue: {file}'),
    ],
)
def test_frameworks_with_calls_of_their_own_fit_into_configs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, args: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_team.py").write_text(TEAM)
    file = config_path("catalogues/paper.yaml")
    (tmp_path / "team.yaml").write_text(CONFIG.format(name, args.format(file=file)))
    experiment = build(["simulated/general.yaml", "team.yaml"], ["--trainer.logger=false"])
    framework = experiment.model.mas.framework
    assert isinstance(framework, Framework)
    assert name.endswith(type(framework).__name__)
