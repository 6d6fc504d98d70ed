"""`budgeted`: an AutoGen team that keeps within budgets, behind AutoGen's own interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.frameworks.autogen.flow import names_of, to_autogen
from abgnn.frameworks.autogen.members import read_team
from abgnn.frameworks.autogen.teams import AutoGenTeam, StagedAutoGenTeam
from abgnn.frameworks.bridge import imported
from abgnn.frameworks.budgeting import Budgeted, PlanChooser
from abgnn.models.policy import Policy

Task = str | BaseChatMessage | Sequence[BaseChatMessage]


class BudgetedTeam(Budgeted):
    """Runs every task by the team that was planned for it, with AutoGen's `run` and `run_stream`.

    Tasks are independent: nothing is remembered from one to the next. `like` lends tools and
    settings.
    """

    @staticmethod
    def text_of(task: Task) -> str:
        """A task as text."""
        if isinstance(task, str):
            return task
        messages = [task] if isinstance(task, BaseChatMessage) else task
        return "\n\n".join(message.to_text() for message in messages)

    async def run(
        self,
        *,
        task: Task,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> TaskResult:
        """Carry out; the answer is the last message."""
        async for event in self.run_stream(
            task=task,
            cancellation_token=cancellation_token,
            output_task_messages=output_task_messages,
        ):
            if isinstance(event, TaskResult):
                return event
        raise AssertionError("AutoGen ends every stream with a result")

    async def run_stream(
        self,
        *,
        task: Task,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
        """What happens, as it happens; the result comes last."""
        team = to_autogen(self.plan(task), self.catalogue, self.like)
        try:
            async for event in team.run_stream(
                task=task,
                cancellation_token=cancellation_token,
                output_task_messages=output_task_messages,
            ):
                yield event
        finally:
            for agent in team._participants:
                await agent._model_client.close()  # type: ignore[union-attr]

    async def reset(self) -> None:
        """Nothing is remembered."""

    def cost(self, plan: Plan, result: TaskResult) -> float:
        """USD that a result of `run` cost by the catalogue's prices, from AutoGen's usage."""
        place = {name: i for i, name in enumerate(names_of(plan))}
        usd = 0.0
        for message in result.messages:
            if message.models_usage is not None and message.source in place:
                used = message.models_usage
                usage = Usage(used.prompt_tokens, used.completion_tokens)
                usd += self.catalogue[plan.agents[place[message.source]].backbone].cost(usage)
        return usd


def budgeted(
    team: BaseGroupChat | str,
    catalogue: str,
    questions: Any = None,
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    checkpoint: str | Policy | None = None,
    answers: str | None = None,
    **how: Any,
) -> BudgetedTeam:
    """The team, run within budgets from now on.

    Random teams of its agents answer the questions once, on all backbones (120 rollouts; what they
    showed is kept in a folder and not paid again). From that the planner finds the agents,
    backbones and edges of the highest expected accuracy within the budgets.

    Args:
        team: see `from_autogen`. With tools, AutoGen makes the calls while it learns too.
        catalogue: YAML file of backbones; packaged ones are found by name.
        questions: a .jsonl file of lines with `question` and `answer`, or a datamodule.
        cost_usd, latency_s: mean USD and seconds per task; None: any.
        checkpoint: a policy that was trained on the team (`abgnn fit`), instead of questions.
        answers: see `from_autogen`.
        how: further fields of `Learning`: domain, rollouts, calibrate_usd, folder, encoder, client.

    Raises:
        ConfigError: neither questions nor a checkpoint; see also `from_autogen` and `Learning`.
        EndpointError: a backbone cannot be called.
    """
    known = Catalogue.from_yaml(catalogue)
    group_chat = imported(team, "team") if isinstance(team, str) else team
    tools = any(member.role.tool for member in read_team(group_chat, answers).members)
    if tools and how.get("calibrate_usd") is not None:
        allowed = "none for a team with tools: caps do not reach calls that AutoGen makes itself"
        raise ConfigError("calibrate_usd", how["calibrate_usd"], allowed)
    like = AutoGenTeam(team, known, answers) if tools else StagedAutoGenTeam(team, answers)
    chooser = PlanChooser.within(
        like, catalogue, checkpoint, questions, cost_usd=cost_usd, latency_s=latency_s, **how
    )
    return BudgetedTeam(like, chooser)
