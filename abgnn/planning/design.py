"""`Design`: a plan for any query, and the space of designs that a template and pools admit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Template

Edges = tuple[tuple[int, int], ...]
Shape = Literal["none", "star", "full"]


@dataclass(frozen=True, slots=True)
class Design:
    """Who plays what and who reads whom, for every query alike; hashable.

    Args:
        agents: (slot, backbone) by rising slot; slots are roles of the template.
        edges: messages (u, v) between slots.
        decision: backbone of the decision agent; None: a lone agent answers.
    """

    agents: tuple[tuple[int, int], ...]
    edges: Edges
    decision: int | None

    @property
    def backbones(self) -> set[int]:
        """Those that it needs."""
        used = {m for _, m in self.agents}
        return used if self.decision is None else used | {self.decision}

    def plan(self, query: Query, template: Template, names: Sequence[str]) -> Plan:
        """The plan of a query."""
        place = {slot: i for i, (slot, _) in enumerate(self.agents)}
        agents = [Agent(template.roles[slot], names[m]) for slot, m in self.agents]
        edges = [(place[u], place[v]) for u, v in self.edges]
        if self.decision is None:
            return Plan.team(query, agents, edges)
        decision = Agent(template.roles[template.decision], names[self.decision])
        return Plan.team(query, agents, edges, decision)

    def describe(self, template: Template, names: Sequence[str]) -> str:
        """In one line, for people."""
        who = [f"{template.roles[slot].name}: {names[m]}" for slot, m in self.agents]
        if self.decision is not None:
            who.append(f"{template.roles[template.decision].name}: {names[self.decision]}")
        links = [f"{template.roles[u].name} → {template.roles[v].name}" for u, v in self.edges]
        return "; ".join(who) + (f" [{', '.join(links)}]" if links else "")


@dataclass(frozen=True)
class PlanSpace:
    """What a design may be made of.

    Args:
        template: roles and admissible edges.
        pools: backbones that may be mixed with each other; one pool of all is no restriction.
        min_agents: role agents at least; with 1, a lone agent's answer is the answer.
    """

    template: Template
    pools: tuple[tuple[int, ...], ...]
    min_agents: int = 1

    @property
    def slots(self) -> tuple[int, ...]:
        """Role agents, in the template's order."""
        rank, decision = self.template.rank, self.template.decision
        return tuple(sorted((s for s in range(len(rank)) if s != decision), key=rank.__getitem__))

    def pool_of(self, design: Design) -> tuple[int, ...]:
        """Backbones that the design may use: of all pools that hold all of its own."""
        used = design.backbones
        able = [pool for pool in self.pools if used <= set(pool)]
        return tuple(dict.fromkeys(m for pool in able for m in pool))

    def shaped(self, chosen: Sequence[int], shape: Shape) -> Edges:
        """Admissible edges among slots: none, from the first one only, or all."""
        inside = set(chosen)
        edges = [(u, v) for u, v in self.template.edges if u in inside and v in inside]
        if shape == "star":
            edges = [(u, v) for u, v in edges if u == chosen[0]]
        return tuple(edges) if shape != "none" else ()

    def make(
        self, chosen: Sequence[int], backbones: Sequence[int], edges: Edges, decision: int
    ) -> Design:
        """A design of slots in the template's order; a lone agent has no decision agent."""
        agents = tuple(zip(chosen, backbones, strict=True))
        return Design(agents, tuple(sorted(edges)), None if len(agents) == 1 else decision)

    def library(self, most: int = 4) -> Iterator[Design]:
        """Teams of one backbone: up to `most` agents, no, star or all edges."""
        for m in dict.fromkeys(m for pool in self.pools for m in pool):
            for size in range(self.min_agents, min(most, len(self.slots)) + 1):
                for chosen in combinations(self.slots, size):
                    seen = set()
                    shapes: tuple[Shape, ...] = ("none", "star", "full")
                    for shape in shapes:
                        edges = self.shaped(chosen, shape)
                        if edges not in seen:
                            seen.add(edges)
                            yield self.make(chosen, [m] * size, edges, m)

    def neighbours(self, design: Design) -> Iterator[Design]:
        """One role added, dropped or swapped, one backbone changed, one edge flipped."""
        able = self.pool_of(design)
        slots = [slot for slot, _ in design.agents]
        of = dict(design.agents)
        decision = design.agents[-1][1] if design.decision is None else design.decision
        free = [s for s in self.slots if s not in slots]
        for slot in free:
            for m in dict.fromkeys((*of.values(), decision)):
                yield self._team({**of, slot: m}, design.edges, decision)
        for gone in slots:
            rest = {s: m for s, m in of.items() if s != gone}
            if len(rest) >= self.min_agents:
                yield self._team(rest, design.edges, decision)
            for slot in free:
                yield self._team(
                    {**rest, slot: of[gone]}, _renamed(design.edges, gone, slot), decision
                )
        for slot in slots:
            for m in able:
                if m != of[slot]:
                    yield self._team({**of, slot: m}, design.edges, decision)
        if design.decision is not None:
            yield from (replace(design, decision=m) for m in able if m != design.decision)
            for edge in self.shaped(slots, "full"):
                flipped = set(design.edges) ^ {edge}
                yield replace(design, edges=tuple(sorted(flipped)))

    def _team(self, of: dict[int, int], edges: Edges, decision: int) -> Design:
        chosen = [s for s in self.slots if s in of]
        able = set(self.shaped(chosen, "full"))
        kept = tuple(e for e in edges if e in able)
        return self.make(chosen, [of[s] for s in chosen], kept, decision)


def _renamed(edges: Edges, old: int, new: int) -> Edges:
    return tuple((new if u == old else u, new if v == old else v) for u, v in edges)
