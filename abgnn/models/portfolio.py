"""`Portfolio`: the designs that a policy chooses among, by names of roles and LLMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.nn.agent_graph import AgentGraph, Team
from abgnn.planning.design import Design


@dataclass(frozen=True)
class Portfolio:
    """D designs.

    Args:
        roles: of the template, the decision agent's last; slots of designs count them.
        backbones: names of LLMs; designs count them.
        designs: at least one.
    """

    roles: tuple[str, ...]
    backbones: tuple[str, ...]
    designs: tuple[Design, ...]

    def graph(self) -> AgentGraph:
        """All designs as one graph."""
        teams = [self.team(design) for design in self.designs]
        return AgentGraph.of(teams, len(self.roles), len(self.backbones))

    def team(self, design: Design) -> Team:
        """A design in numbers; its decision agent reads all others."""
        cells = list(design.agents)
        place = {slot: i for i, (slot, _) in enumerate(cells)}
        edges = [(place[u], place[v]) for u, v in design.edges]
        if design.decision is not None:
            edges += [(i, len(cells)) for i in range(len(cells))]
            cells.append((len(self.roles) - 1, design.decision))
        return Team(tuple(cells), tuple(edges), len(cells) - 1)

    def usable(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Designs whose LLMs are all among these, `[D]`.

        Raises:
            ConfigError: none is.
        """
        known = [name in names for name in self.backbones]
        able = np.array([all(known[m] for m in design.backbones) for design in self.designs])
        if not able.any():
            raise ConfigError("mas.catalogue", list(names), f"LLMs of {list(self.backbones)}")
        return able

    def plan(self, index: int, query: Query, template: Template) -> Plan:
        """The plan of a query by one of the designs.

        Raises:
            ConfigError: the template has other roles.
        """
        roles = tuple(role.name for role in template.roles)
        if roles != self.roles:
            raise ConfigError("mas.template", list(roles), f"the roles {list(self.roles)}")
        return self.designs[index].plan(query, template, self.backbones)
