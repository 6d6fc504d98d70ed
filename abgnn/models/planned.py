"""`PlannedMixture`: what the planner found, as a policy."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch_geometric.data import Batch

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.plan_file import NamedDesign, named_parts, read_mixture


class PlannedMixture(Policy):
    """Each query gets one of the designs of a plan file, in the proportions of their shares.

    Which one depends on the query alone (a hash of its id and the seed), so that a query asked
    again gets the same plan, and shares hold over many queries. Where a plan tells kinds of
    questions apart (`abgnn calibrate --by`), a query's designs are those of its kind; a kind that
    was not calibrated gets any.

    Args:
        path: a file that `abgnn plan --out FILE` wrote, or what is in it.
        seed: of the assignment.
    """

    reads_questions = False

    def __init__(self, path: str | dict[str, Any], seed: int = 0) -> None:
        super().__init__()
        data = read_mixture(path) if isinstance(path, str) else path
        self.path, self.seed = path if isinstance(path, str) else "plan", seed
        self.by: str | None = data.get("by")
        self.parts = named_parts(data)

    def attach(self, table: BackboneTable) -> None:
        for part in self.parts:
            for name in (*(m for _, m in part.agents), part.decision):
                if name is not None and name not in table.names:
                    raise ConfigError(f"{self.path}: backbone", name, ", ".join(table.names))
        super().attach(table)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        pairs = zip(batch.query, batch.template, strict=True)
        plans = [self._plan(query, template) for query, template in pairs]
        zeros = torch.zeros(len(plans), 1)
        return PlannedChoice(plans, ("plan",), zeros, zeros)

    def _plan(self, query: Query, template: Template) -> Plan:
        part = self._part(query)
        roles = {role.name: role for role in template.roles}
        for role, _ in part.agents:
            if role not in roles:
                raise ConfigError(f"{self.path}: role", role, ", ".join(roles))
        agents = [Agent(roles[role], backbone) for role, backbone in part.agents]
        place = {role: i for i, (role, _) in enumerate(part.agents)}
        edges = [(place[u], place[v]) for u, v in part.edges]
        if part.decision is None:
            return Plan(query, tuple(agents), tuple(edges), decision=len(agents) - 1)
        last = len(agents)
        agents.append(Agent(template.roles[template.decision], part.decision))
        return Plan(query, tuple(agents), (*edges, *((i, last) for i in range(last))), last)

    def _part(self, query: Query) -> NamedDesign:
        kind = str(query.meta.get(self.by, "")) if self.by else ""
        able = [part for part in self.parts if part.group in ("", kind)] or self.parts
        digest = hashlib.sha256(f"{self.seed}/{query.id}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64 * sum(part.share for part in able)
        for part in able:
            place -= part.share
            if place < 0:
                return part
        return able[-1]
