"""`PlannedLoops`: closed loops as planned from a calibration, as a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch_geometric.data import Batch

from abgnn.data.plan import Agent, Plan
from abgnn.data.program import Program
from abgnn.data.query import Query, options_of
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.programs import ClosedLoopProgram
from abgnn.models.questions import embedded
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.closed_loop.forms import FormScale
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.questions import Questions


class PlannedLoops(Policy):
    """Each query gets a closed loop at the plan's prices; nothing in it is learned.

    Args:
        path: a file that `abgnn plan` wrote of closed loops, or what is in it.

    Raises:
        ConfigError: no such file, or (when a catalogue is attached) a backbone that it lacks.
    """

    def __init__(self, path: str | LoopPlan) -> None:
        super().__init__()
        self.loop_plan = LoopPlan.read(path) if isinstance(path, str) else path

    def attach(self, table: BackboneTable) -> None:
        self.loop_plan.check(table.names)
        super().attach(table)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        plan, width = self.loop_plan, batch.query_embed.size(-1)
        wanted = len(plan.planner.model.features.centre)
        if width != wanted:
            allowed = f"the one that the plan was made with ({plan.encoder}, {wanted} numbers)"
            raise ConfigError("mas.encoder", f"{width} numbers", allowed)
        questions = embedded(batch.query, batch.query_embed, plan.encoder, plan.by)
        plans = loop_plans(plan, batch.query, questions, self.program)
        zeros = torch.zeros(len(plans), 1)
        return PlannedChoice(plans, ("plan",), zeros, zeros)

    def program(self, problem: LoopProblem, scales: tuple[FormScale, ...]) -> Program:
        """What is carried out for a question; of another rule, in subclasses."""
        return ClosedLoopProgram.of(problem, scales)


def loop_plans(
    plan: LoopPlan,
    queries: Sequence[Query],
    questions: Questions,
    program: Callable[[LoopProblem, tuple[FormScale, ...]], Program] = ClosedLoopProgram.of,
) -> list[Plan]:
    """The closed loop of each query; `questions` are the same ones, encoded."""
    problems = plan.loop.problems(questions, [options_of(query) for query in queries])
    return [
        _plan(plan, query, problem, program(problem, plan.loop.scales_of(problem.names)))
        for query, problem in zip(queries, problems, strict=True)
    ]


def _plan(plan: LoopPlan, query: Query, problem: LoopProblem, program: Program) -> Plan:
    """Candidates, then readers; the ablest candidate stands for the answer in pictures."""
    place = dict(zip(plan.loop.llms, plan.agents.agents, strict=True))
    planner = plan.planner
    readers = () if problem.readers is None else problem.readers.names
    chosen = [place[name] for name in (*problem.names, *readers)]
    agents = tuple(Agent(planner.template.roles[s], planner.backbones[m]) for s, m in chosen)
    return Plan(query, agents, (), int(problem.accuracy.argmax()), program=program)
