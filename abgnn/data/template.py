"""Template graphs G*: roles and the admissible edges among them (paper section 2).

Reads no files: `template_yaml` builds templates from role sets and YAML.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from abgnn.errors import ConfigError

Edges = tuple[tuple[int, int], ...]
Kind = Literal["complete", "mesh", "chain", "star", "tree", "layered", "debate", "group_chat"]


@dataclass(frozen=True, slots=True)
class Role:
    """An instruction prompt with an optional tool (the paper's plugin).

    Args:
        name: unique in its template, for example `Critic`.
        prompt: the system message; must not be empty.
        tool: name of a tool, or None.
        lead: whether this role would answer alone; a warm start begins with it.

    Raises:
        ConfigError: no name, or no prompt.
    """

    name: str
    prompt: str
    tool: str | None = None
    lead: bool = False

    def __post_init__(self) -> None:
        _check_text(self.name, "Role.name")
        _check_text(self.prompt, f"Role({self.name}).prompt")


@dataclass(frozen=True, slots=True)
class Template:
    """Roles and admissible edges; edges hold indices into `roles`.

    Args:
        name: for example `complete`.
        roles: in the documented order, solvers before critics, the decision agent last.
        edges: admissible messages (u, v) of one round among the role agents; must form a DAG.
        temporal_edges: admissible messages from one round to the next; may form cycles, and an
            agent may read its own previous response.
        rounds: how often the graph is executed.
        decision: index of the decision agent, whose output is the answer (negative: from the
            end). It is connected when a plan is made (it reads all kept agents), so no
            admissible edge touches it.

    Raises:
        ConfigError: duplicate role names; an edge that is out of range, doubled, a self loop
            (within a round) or touches the decision agent; a cycle; no round.
    """

    name: str
    roles: tuple[Role, ...]
    edges: Edges
    temporal_edges: Edges = ()
    rounds: int = 1
    decision: int = -1

    def __post_init__(self) -> None:
        roles = tuple(self.roles)
        _check_names([role.name for role in roles], f"Template({self.name}).roles")
        if not -len(roles) <= self.decision < len(roles):
            raise ConfigError("Template.decision", self.decision, f"an index below {len(roles)}")
        if self.rounds < 1:
            raise ConfigError("Template.rounds", self.rounds, "an integer from 1")
        object.__setattr__(self, "roles", roles)
        object.__setattr__(self, "decision", self.decision % len(roles))
        for field, loops in (("edges", False), ("temporal_edges", True)):
            edges = tuple((int(u), int(v)) for u, v in getattr(self, field))
            object.__setattr__(self, field, edges)
            self._check_edges(edges, f"Template.{field}", loops=loops)
        self._order()

    def _check_edges(self, edges: Edges, field: str, *, loops: bool) -> None:
        for i, (u, v) in enumerate(edges):
            named, at = tuple(self._named((u, v))), f"{field}[{i}]"
            if not (0 <= u < len(self.roles) and 0 <= v < len(self.roles)):
                raise ConfigError(at, (u, v), f"indices from 0 to {len(self.roles) - 1}")
            if u == v and not loops:
                raise ConfigError(at, named, "no self loop within a round")
            if self.decision in (u, v):
                raise ConfigError(at, named, "edges among role agents, without the decision agent")
        if len(set(edges)) < len(edges):
            raise ConfigError(field, edges, "every edge once")

    def _named(self, nodes: Iterable[int]) -> list[str]:
        return [self.roles[n].name if 0 <= n < len(self.roles) else str(n) for n in nodes]

    def _order(self) -> list[int]:
        """Role indices in topological order, the decision agent last; ties by role order."""
        try:
            order = topological_order(len(self.roles), self.edges)
        except CycleError as e:
            cycle = " -> ".join(self._named(e.args[1]))
            raise ConfigError("Template.edges", cycle, "an acyclic graph") from e
        return [*(n for n in order if n != self.decision), self.decision]

    @property
    def lead(self) -> int:
        """Index of the role that would answer alone: the first marked one, else the first."""
        return next((i for i, role in enumerate(self.roles) if role.lead), 0)

    @property
    def rank(self) -> tuple[int, ...]:
        """Topological rank per role, [T] distinct ints from 0; the decision agent's is T - 1."""
        order = self._order()
        return tuple(order.index(n) for n in range(len(order)))

    def alone(self) -> Template:
        """The same with nobody but the lead and the decision agent."""
        chosen = (self.roles[self.lead], self.roles[self.decision])
        return Template(f"{self.name}-alone", chosen, ())


def topological_order(num_nodes: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Nodes such that every edge leads forward; among free nodes the lowest index comes first.

    Raises:
        graphlib.CycleError: its second argument is a cycle, the first node repeated at the end.
    """
    sorter = TopologicalSorter[int](dict.fromkeys(range(num_nodes), ()))
    for u, v in edges:
        sorter.add(v, u)
    sorter.prepare()
    order, ready = [], list(sorter.get_ready())
    heapq.heapify(ready)
    while ready:
        order.append(heapq.heappop(ready))
        sorter.done(order[-1])
        for node in sorter.get_ready():
            heapq.heappush(ready, node)
    return order


def _check_text(value: object, field: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(field, value, "a text that is not empty")


def _check_names(names: Sequence[str], field: str, *, allow_none: bool = False) -> None:
    if not names and not allow_none:
        raise ConfigError(field, list(names), "at least one role")
    if doubled := [name for name in names if names.count(name) > 1]:
        raise ConfigError(field, doubled[0], "every role name once")
