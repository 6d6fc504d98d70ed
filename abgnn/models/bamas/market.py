"""`Market`: from a pattern and a budget to the team that is bought, and to its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from abgnn.data.plan import Agent, Edges, Plan
from abgnn.data.program import Program
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.models.bamas.ilp import Job, Objective, Pattern, Team, TierCost, buy, exact
from abgnn.models.bamas.roles import roles_of
from abgnn.models.bamas.tiers import Tier, groups_of
from abgnn.models.programs.feedback import FeedbackProgram
from abgnn.models.programs.linear import LinearProgram
from abgnn.models.programs.planner import PlannerProgram
from abgnn.models.programs.star import StarProgram

NOBODY = LinearProgram(0)
"""What is carried out where a budget buys no team: no call, an outcome of kind `budget`."""


@dataclass(frozen=True)
class Market:
    """What agents cost, and which of them a budget buys for a pattern; teams are cached.

    Args:
        tiers: strongest first.
        max_tokens: of a reply, by job; agents are bound to it.
        prompt_tokens: of a call, estimated.
        copies, tier_cost, objective: see `buy`.
        as_released: patterns leave agents unused where the release does.
    """

    tiers: tuple[Tier, ...]
    max_tokens: Mapping[Job, int]
    prompt_tokens: int = 500
    copies: int = 5
    tier_cost: TierCost = "first"
    objective: Objective = "released"
    as_released: bool = False
    _teams: dict[tuple[Pattern, float], Team | None] = field(default_factory=dict, repr=False)

    def team(self, pattern: Pattern, budget_usd: float) -> Team | None:
        """Who is bought for `budget_usd` dollars; None: there is no team."""
        key = pattern, budget_usd
        if key not in self._teams:
            groups = groups_of(self.tiers, self.max_tokens, self.prompt_tokens)
            budget = exact(budget_usd) * 10**6  # micro-USD
            self._teams[key] = buy(
                groups, pattern, budget, self.copies, self.tier_cost, self.objective
            )
        return self._teams[key]

    def plan(self, query: Query, template: Template, pattern: Pattern, budget_usd: float) -> Plan:
        """The plan of a query: its team, its pattern, and the budget as a hard cap."""
        team = self.team(pattern, budget_usd)
        if team is None:
            nobody = self._agents(template, "executor", [len(self.tiers) - 1])
            return Plan(query, nobody, (), 0, program=NOBODY, budget_usd=budget_usd)
        executors = list(team.tiers("executor"))
        if pattern == "linear":  # the strongest has the last word
            executors = [*executors[1:], executors[0]]
        elif pattern == "feedback" and not self.as_released:  # the first word and the last
            executors = [*executors[:1], *executors[2:], *executors[1:2]]
        agents = self._agents(template, "executor", executors)
        others: Job = "critic" if pattern == "feedback" else "planner"
        agents += self._agents(template, others, team.tiers(others))
        return Plan(
            query,
            agents,
            _edges(pattern, len(executors), len(agents)),
            decision=len(executors) - 1,
            program=self._program(pattern, team),
            budget_usd=budget_usd,
        )

    def _agents(self, template: Template, job: Job, tiers: Sequence[int]) -> tuple[Agent, ...]:
        role, most = roles_of(template)[job], self.max_tokens[job]
        return tuple(Agent(role, self.tiers[t].backbone, most) for t in tiers)

    def _program(self, pattern: Pattern, team: Team) -> Program:
        executors, drops = team.tiers("executor"), self.as_released
        number, strong = len(executors), executors.count(0)
        if pattern == "linear":
            return LinearProgram(number, drops)
        if pattern == "star":
            return StarProgram(number, strong, drops)
        if pattern == "planner":
            return PlannerProgram(number, strong, drops)
        critics = len(team.tiers("critic"))
        return FeedbackProgram(number, critics, 2 if drops else None, not drops)


def _edges(pattern: Pattern, executors: int, agents: int) -> Edges:
    """Who may read whom, for pictures: the program decides."""
    if pattern == "star":
        return ()
    if pattern == "planner":
        return tuple((executors, i) for i in range(executors))
    line = tuple((i, i + 1) for i in range(executors - 1))
    if pattern == "linear":
        return line
    pairs = [(i, executors + i) for i in range(min(agents - executors, executors - 1))]
    return (*line, *pairs, *((critic, i + 1) for i, critic in pairs))
