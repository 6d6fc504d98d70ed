"""`budgeted`: a workflow that keeps within budgets, behind Agent Framework's own interface."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Literal, overload

from agent_framework import ResponseStream, Workflow, WorkflowEvent, WorkflowRunResult

from abgnn.data.plan import Plan
from abgnn.frameworks.agent_framework.executors import Task, task_text
from abgnn.frameworks.agent_framework.teams import StagedWorkflowTeam
from abgnn.frameworks.agent_framework.workflows import lent_workflow
from abgnn.frameworks.budgeting import Budgeted, Learning, PlanChooser
from abgnn.models.policy import Policy
from abgnn.rollout.clients.base import Client
from abgnn.rollout.executor import Executor
from abgnn.rollout.settings import RolloutSettings


class BudgetedWorkflow(Budgeted):
    """Runs every task by the workflow that was planned for it, with Agent Framework's `run`.

    Tasks are independent: nothing is remembered from one to the next, and several may run at once.
    Usable as a context manager; `close` frees connections and the recording.

    Args:
        like: the workflow as it was read.
        chooser: which plan for which task.
        client: makes the calls.
        settings: recording, caps, deadline, retries of the calls.
    """

    def __init__(
        self,
        like: StagedWorkflowTeam,
        chooser: PlanChooser,
        client: Client,
        settings: RolloutSettings | None = None,
    ) -> None:
        super().__init__(like, chooser)
        self.executor = Executor(client, self.catalogue, settings=settings)
        self._checked: set[str] = set()  # backbones that can be called

    @staticmethod
    def text_of(task: Task) -> str:
        """A task as text."""
        return task_text(task)

    @overload
    def run(
        self, message: Task, *, stream: Literal[True]
    ) -> ResponseStream[WorkflowEvent, WorkflowRunResult]: ...

    @overload
    def run(
        self, message: Task, *, stream: Literal[False] = ..., include_status_events: bool = False
    ) -> Awaitable[WorkflowRunResult]: ...

    def run(
        self, message: Task, *, stream: bool = False, include_status_events: bool = False
    ) -> Any:
        """As `Workflow.run` for a new task: its result, or with `stream` its events.

        Raises:
            CallError: once it runs: no answer, since a call failed or a limit was reached.
            EndpointError: a backbone cannot be called.
        """
        workflow = self.workflow(self.plan(message))
        if stream:
            return workflow.run(message, stream=True)
        return workflow.run(message, include_status_events=include_status_events)

    def workflow(self, plan: Plan) -> Workflow:
        """The workflow of a plan, see `to_workflow`."""
        made = lent_workflow(plan, self.executor)
        used = {agent.backbone for agent in plan.agents}
        if not used <= self._checked:
            self.executor.check([plan])
            self._checked |= used
        return made

    def cost(self, result: WorkflowRunResult) -> float:
        """USD that a result of `run` cost by the catalogue's prices, failed attempts included."""
        replies = [*result.get_intermediate_outputs(), *result.get_outputs()]
        notes = [reply.additional_properties or {} for reply in replies]  # pieces of one have none
        return sum(float(note.get("cost_usd", 0)) for note in notes)

    def close(self) -> None:
        """Free connections and the recording; may be called again."""
        self.executor.close()

    def __enter__(self) -> BudgetedWorkflow:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def budgeted(
    workflow: Workflow | str,
    catalogue: str,
    questions: Any = None,
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    checkpoint: str | Policy | None = None,
    answers: str | None = None,
    passes: Sequence[str] = (),
    settings: RolloutSettings | None = None,
    **how: Any,
) -> BudgetedWorkflow:
    """The workflow, run within budgets from now on.

    Random teams of its agents answer the questions once, on all backbones (120 rollouts; what they
    showed is kept in a folder and not paid again). From that the planner finds the agents,
    backbones and edges of the highest expected accuracy within the budgets.

    Args:
        workflow: see `from_workflow`.
        catalogue: YAML file of backbones; packaged ones are found by name.
        questions: a .jsonl file of lines with `question` and `answer`, or a datamodule.
        cost_usd, latency_s: mean USD and seconds per task; None: any.
        checkpoint: a policy that was trained on the workflow (`abgnn fit`), instead of questions.
        answers, passes: see `read_workflow`.
        settings: hard limits of later runs: caps, deadline, retries; and their recording.
        how: further fields of `Learning`: domain, rollouts, calibrate_usd, folder, encoder, client.

    Raises:
        ConfigError: neither questions nor a checkpoint; see also `read_workflow` and `Learning`.
        EndpointError: a backbone cannot be called.
    """
    like = StagedWorkflowTeam(workflow, answers, passes)
    client = how.setdefault("client", Learning(questions).client)
    chooser = PlanChooser.within(
        like, catalogue, checkpoint, questions, cost_usd=cost_usd, latency_s=latency_s, **how
    )
    return BudgetedWorkflow(like, chooser, client, settings)
