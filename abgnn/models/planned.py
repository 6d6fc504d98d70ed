"""`PlannedMixture`: what the planner chose, as a policy."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch

from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.plan_file import PlanFile


class PlannedMixture(Policy):
    """Each query gets one of the designs of a plan file, in the proportions of their shares.

    See `PlanFile.plans`; nothing in it is learned, and no question is read.

    Args:
        path: a file that `abgnn plan --out FILE` wrote, or what is in it.
        seed: of the assignment of queries to designs.

    Raises:
        ConfigError: no such file, or (when a catalogue is attached) a backbone that it lacks.
    """

    reads_questions = False

    def __init__(self, path: str | PlanFile, seed: int = 0) -> None:
        super().__init__()
        self.plan_file = PlanFile.read(path) if isinstance(path, str) else path
        self.seed = seed

    def attach(self, table: BackboneTable) -> None:
        self.plan_file.check(table.names)
        super().attach(table)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        plans = [
            self.plan_file.plans([query], template, self.seed)[0]
            for query, template in zip(batch.query, batch.template, strict=True)
        ]
        zeros = torch.zeros(len(plans), 1)
        return PlannedChoice(plans, ("plan",), zeros, zeros)
