"""`Team`: N agents on one LLM and the plans of their graphs; the named masks of the family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from abgnn.data.plan import Agent, Plan, RoundGraph
from abgnn.data.query import Query
from abgnn.data.template import Edges, Template
from abgnn.errors import ConfigError

MaskMode = Literal[
    "DirectAnswer", "FullConnected", "Random", "Chain", "Debate", "Layered", "Star", "Mesh"
]
Round = tuple[Tensor, Tensor, Sequence[int]]
Cast = Literal["template", "released"] | list[str]

RELEASED_CASTS: tuple[tuple[str, ...], ...] = (
    ("Knowledgeable Expert", "Critic", "Mathematician", "Psychologist", "Historian"),
    ("Math Solver", "Mathematical Analyst", "Programming Expert", "Inspector"),
    ("Project Manager", "Algorithm Designer", "Programming Expert", "Test Analyst", "Bug Fixer"),
)
"""The order in which AgentPrune, AgentDropout and G-Designer deal roles out, by domain."""


def cast_of(template: Template, cast: Cast = "template") -> list[int]:
    """Which roles a team's agents play, in their order; with more agents it begins anew.

    Args:
        template: with the roles.
        cast: names of roles; `template`: all role agents in its order; `released`: those of the
            release first, if the template has them all, then its others.

    Raises:
        ConfigError: a name that is no role agent of the template.
    """
    roles = {r.name: i for i, r in enumerate(template.roles) if i != template.decision}
    if cast == "template":
        return list(roles.values())
    if isinstance(cast, str):
        if cast != "released":
            raise ConfigError("policy.cast", cast, "template, released, or names of roles")
        known = next((c for c in RELEASED_CASTS if set(c) <= set(roles)), ())
        return [roles[name] for name in dict.fromkeys((*known, *roles))]
    for name in cast:
        if name not in roles:
            raise ConfigError("policy.cast", name, f"role agents of {list(roles)}")
    return [roles[name] for name in cast] or list(roles.values())


def named_mask(mode: MaskMode, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Which spatial and temporal messages may be, bool `[n, n]` each; row u to column v.

    `Random` and the membership of `Layered` (two layers) depend on the seed. `Star` is the true
    star from the first agent; what some scripts of the family call so is `Mesh`, u → v for u < v.
    """
    if mode not in get_args(MaskMode):
        raise ConfigError("mode", mode, ", ".join(get_args(MaskMode)))
    generator = torch.Generator().manual_seed(seed)
    every, eye = torch.ones(n, n, dtype=torch.bool), torch.eye(n, dtype=torch.bool)
    nobody, chain = torch.zeros_like(every), torch.zeros_like(every)
    chain[torch.arange(n - 1), torch.arange(1, n)] = True
    if mode == "DirectAnswer":
        return nobody, nobody
    if mode == "Random":
        spatial, temporal = (torch.rand(2, n, n, generator=generator) < 0.5).unbind(0)
        return spatial & ~eye, temporal
    if mode == "Chain":
        back = torch.zeros_like(every)
        back[n - 1, 0] = True
        return chain, back
    if mode == "Layered":
        first = torch.zeros(n, dtype=torch.bool)
        first[torch.randperm(n, generator=generator)[: -(-n // 2)]] = True
        return first.unsqueeze(1) & ~first, every
    star = nobody.clone()
    star[0, 1:] = True
    spatial = {"FullConnected": ~eye, "Debate": nobody, "Star": star, "Mesh": every.triu(1)}[mode]
    return spatial, every


@dataclass(frozen=True)
class Team:
    """N agents: the roles of a cast in order, again and again, all on one LLM.

    Args:
        template: roles; its edges play no part.
        n_agents: N.
        backbone: who plays all of them, the decision agent included.
        cast: see `cast_of`.
        early_exit: see `Plan`.
    """

    template: Template
    n_agents: int
    backbone: str
    cast: Cast = "template"
    early_exit: bool = False

    @cached_property
    def agents(self) -> tuple[Agent, ...]:
        """The N role agents."""
        roles = cast_of(self.template, self.cast)
        chosen = (self.template.roles[roles[i % len(roles)]] for i in range(self.n_agents))
        return tuple(Agent(role, self.backbone) for role in chosen)

    @cached_property
    def decision(self) -> Agent | None:
        """The decision agent; None where a lone agent answers."""
        role = self.template.roles[self.template.decision]
        return Agent(role, self.backbone) if self.n_agents > 1 else None

    def plan(self, query: Query, rounds: Sequence[Round]) -> Plan:
        """The plan of one graph per round.

        Args:
            query: the question.
            rounds: per round spatial and temporal messages, bool `[N, N]`, and who is silent; edges
                of silent agents are left out. The decision agent reads everyone who speaks in the
                last round.
        """
        return self.plans([query], [(s[None], t[None], absent) for s, t, absent in rounds])[0]

    def plans(self, queries: Sequence[Query], rounds: Sequence[Round]) -> list[Plan]:
        """The plans of B questions: messages are `[B, N, N]`, who is silent is so in all."""
        drawn = [
            [(spatial, temporal, absent) for spatial, temporal in zip(*pairs, strict=True)]
            for *pairs, absent in (
                (edges_of(s), edges_of(t) if r else [()] * len(s), absent)
                for r, (s, t, absent) in enumerate(rounds)
            )
        ]
        return [self._plan(query, of) for query, *of in zip(queries, *drawn, strict=True)]

    def _plan(self, query: Query, rounds: Sequence[tuple[Edges, Edges, Sequence[int]]]) -> Plan:
        n = self.n_agents
        graphs: list[RoundGraph] = []
        quiet: set[int] = set()
        for spatial, temporal, absent in rounds:
            now = set(absent) if n > 1 else set()
            between = _without(temporal, quiet, now)
            graphs.append(RoundGraph(_without(spatial, now, now), between, tuple(sorted(now))))
            quiet = now
        senders = [i for i in range(n) if i not in quiet]
        team = Plan.team(query, self.agents, graphs[-1].edges, self.decision, senders)
        if self.early_exit:
            team = replace(team, early_exit=True)
        if len({(g.edges, g.absent) for g in graphs}) == 1 and not graphs[0].absent:
            links = {g.temporal_edges for g in graphs[1:]}
            if len(links) <= 1:  # one graph for all rounds
                if len(graphs) == 1:
                    return team
                return replace(team, temporal_edges=next(iter(links)), rounds=len(graphs))
        return replace(team, rounds=len(graphs), by_round=tuple(graphs))


def edges_of(drawn: Tensor) -> list[Edges]:
    """Messages (u, v) of each graph `[N, N]` of `[B, N, N]` bool, row by row."""
    found: list[list[tuple[int, int]]] = [[] for _ in drawn]
    for b, u, v in drawn.nonzero().tolist():
        found[b].append((u, v))
    return [tuple(pairs) for pairs in found]


def _without(edges: Edges, senders: set[int], readers: set[int]) -> Edges:
    """Edges but for those of silent senders and readers."""
    if not (senders or readers):
        return edges
    return tuple((u, v) for u, v in edges if u not in senders and v not in readers)
