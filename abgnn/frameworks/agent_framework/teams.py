"""A workflow of Agent Framework's as a framework, whose calls abgnn makes."""

from __future__ import annotations

from collections.abc import Sequence

from agent_framework import Workflow

from abgnn.data.plan import Plan
from abgnn.frameworks.agent_framework.reading import read_workflow
from abgnn.frameworks.agent_framework.workflows import workflow_of
from abgnn.frameworks.bridge import imported
from abgnn.frameworks.lent_rollout import Answered
from abgnn.frameworks.staged_calls import StagedCalls
from abgnn.frameworks.team import StagedTeam


class StagedWorkflowTeam(StagedTeam):
    """A `StagedFramework`: Agent Framework moves the messages, abgnn's gateway makes the calls.

    So caps, deadlines, recordings, replay and the simulated world hold.

    Args:
        workflow: a workflow, or `module:attribute` of one or of a function that makes one.
        answers: see `read_workflow`.
        passes: see `read_workflow`.
    """

    def __init__(
        self, workflow: Workflow | str, answers: str | None = None, passes: Sequence[str] = ()
    ) -> None:
        made = imported(workflow, "workflow") if isinstance(workflow, str) else workflow
        super().__init__(read_workflow(made, answers, passes))

    async def carry_out(self, plan: Plan, calls: StagedCalls) -> None:
        """Carry a plan out by Agent Framework."""

        async def call(i: int, shown: str, on_text: object) -> Answered:
            return Answered(await calls.call(i, shown))

        await workflow_of(plan, lambda *_: None, call).run(plan.query.text)


def from_workflow(
    workflow: Workflow | str, *, answers: str | None = None, passes: Sequence[str] = ()
) -> StagedWorkflowTeam:
    """A workflow that people already run, as the template of any policy.

    Args:
        workflow: a workflow of `Agent`s, or `module:attribute` of one.
        answers: see `read_workflow`.
        passes: see `read_workflow`.
    """
    return StagedWorkflowTeam(workflow, answers, passes)
