"""`to_workflow`: a plan as a `Workflow` of Agent Framework's, whose calls abgnn makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from agent_framework import Executor as Node
from agent_framework import Workflow, WorkflowBuilder

from abgnn.data.plan import Plan
from abgnn.frameworks.agent_framework.executors import Begin, PlanAgent, QuestionExecutor
from abgnn.frameworks.bridge import identifiers, reads, waits
from abgnn.frameworks.lent_rollout import Answered, Lender
from abgnn.rollout.calls import OnText
from abgnn.rollout.executor import Executor

QUESTION = "question"
Call = Callable[[int, str, OnText | None], Awaitable[Answered]]


def to_workflow(plan: Plan, executor: Executor) -> Workflow:
    """The workflow that a plan stands for; `await workflow.run(plan.query.text)` carries it out.

    Every agent reads the task and the replies of those that the plan's edges lead from, worded as
    by abgnn's own executor; the plan's decision agent speaks last, and its reply is the output, the
    others' are intermediate outputs. Agent Framework works in steps: nobody starts before all of
    the step before have answered. Every run is a rollout of the executor's: its caps, deadline,
    recording, retries and rate limits hold, as does `plan.budget_usd`. Nothing is remembered from
    one run to the next.

    Args:
        plan: a graph of one round.
        executor: makes the calls; whoever made it closes it.

    Raises:
        ConfigError: an unknown backbone, a plan of another kind (rounds, program).
        EndpointError: a backbone cannot be called.
    """
    made = lent_workflow(plan, executor)
    executor.check([plan])
    return made


def lent_workflow(plan: Plan, executor: Executor) -> Workflow:
    """As `to_workflow`, without asking whether the backbones can be called."""
    lender = Lender(plan, executor)
    return workflow_of(plan, lender.begin, lender.reply)


def names_of(plan: Plan) -> tuple[str, ...]:
    """Ids of a plan's agents."""
    return identifiers([agent.role for agent in plan.agents], taken=(QUESTION,))


def workflow_of(plan: Plan, begin: Begin, call: Call) -> Workflow:
    """A workflow whose agents call like this; see `to_workflow`."""
    names, sources, waited = names_of(plan), reads(plan), waits(plan)
    roles = [agent.role.name for agent in plan.agents]
    agents = [
        PlanAgent(names[i], i, chosen, {names[u]: roles[u] for u in sources[i]}, partial(call, i))
        for i, chosen in enumerate(plan.agents)
    ]
    start = QuestionExecutor(QUESTION, begin)
    builder = WorkflowBuilder(
        start_executor=start,
        max_iterations=len(agents) + 2,
        output_from=[agents[plan.decision]],
        intermediate_output_from="all_other",
    )
    _fan_out(builder, start, [agents[i] for i, senders in enumerate(waited) if not senders])
    for i, senders in enumerate(waited):
        _fan_in(builder, [agents[u] for u in senders], agents[i])
    return builder.build()


def _fan_out(builder: WorkflowBuilder, source: Node, targets: list[PlanAgent]) -> None:
    if len(targets) == 1:
        builder.add_edge(source, targets[0])
    else:
        builder.add_fan_out_edges(source, targets)


def _fan_in(builder: WorkflowBuilder, sources: list[PlanAgent], target: PlanAgent) -> None:
    if len(sources) == 1:
        builder.add_edge(sources[0], target)
    elif sources:
        builder.add_fan_in_edges(sources, target)
