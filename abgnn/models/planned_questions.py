"""`PlannedQuestions`: a plan that reads every question, as a policy."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.questions import embedded
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.question_plan import QuestionPlan


class PlannedQuestions(Policy):
    """Each query gets the design of a portfolio that is worth most for it at the plan's prices.

    See `QuestionPlan`; nothing in it is learned.

    Args:
        path: a file that `abgnn plan` wrote of teams by question, or what is in it.

    Raises:
        ConfigError: no such file, or (when a catalogue is attached) a backbone that it lacks.
    """

    def __init__(self, path: str | QuestionPlan) -> None:
        super().__init__()
        self.question_plan = QuestionPlan.read(path) if isinstance(path, str) else path

    def attach(self, table: BackboneTable) -> None:
        self.question_plan.check(table.names)
        super().attach(table)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        plan, width = self.question_plan, batch.query_embed.size(-1)
        wanted = len(plan.planner.model.features.centre)
        if width != wanted:
            allowed = f"the one that the plan was made with ({plan.encoder}, {wanted} numbers)"
            raise ConfigError("mas.encoder", f"{width} numbers", allowed)
        questions = embedded(batch.query, batch.query_embed, plan.encoder, plan.by)
        plans = plan.plans(batch.query, questions)
        zeros = torch.zeros(len(plans), 1)
        return PlannedChoice(plans, ("plan",), zeros, zeros)
