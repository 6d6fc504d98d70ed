"""`LoneProgram`: one program and the same LLMs for every question, as a policy."""

from __future__ import annotations

from collections.abc import Sequence

from torch_geometric.data import Batch

from abgnn.data.plan import Agent, Plan
from abgnn.data.program import Program
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.nn.backbone_table import BackboneTable


class LoneProgram(Policy):
    """LLMs in the role that answers alone, under a program that does not read the question.

    Majorities (`StarProgram`), self-checks (`SelfCheckProgram`) and repeated answers
    (`AdaptiveConsistencyProgram`) are such.

    Args:
        backbones: names, in the order of the program's agents; one may be there twice.
        program: what is carried out.

    Raises:
        ConfigError: when a catalogue is attached: a backbone that it lacks.
    """

    reads_questions = False

    def __init__(self, backbones: Sequence[str], program: Program) -> None:
        super().__init__()
        self.backbones, self.carried_out = tuple(backbones), program

    def attach(self, table: BackboneTable) -> None:
        for name in self.backbones:
            if name not in table.names:
                raise ConfigError("policy.backbones", name, f"one of {list(table.names)}")
        super().attach(table)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        nothing = batch.query_embed.new_zeros(batch.num_graphs, 0)  # [B, 0]: nothing is chosen
        plans = [self._plan(*pair) for pair in zip(batch.query, batch.template, strict=True)]
        return PlannedChoice(plans, (), nothing, nothing)

    def _plan(self, query: Query, template: Template) -> Plan:
        role = template.roles[template.lead]
        agents = tuple(Agent(role, name) for name in self.backbones)
        return Plan(query, agents, (), decision=0, program=self.carried_out)
