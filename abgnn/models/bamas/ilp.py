"""Which agents a budget buys: BAMAS's integer program (arXiv 2511.21572), as released.

Numbers are exact (`Fraction`, int), so that rounding never decides whether a team fits a budget.
Costs and budgets share one unit, micro-USD.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from abgnn.models.bamas.solve import Problem, Row, solve

Job = Literal["planner", "executor", "critic"]
Pattern = Literal["linear", "star", "feedback", "planner"]
Objective = Literal["released", "paper"]
TierCost = Literal["first", "min"]

PATTERNS: tuple[Pattern, ...] = ("linear", "star", "feedback", "planner")
JOBS: Mapping[Pattern, tuple[Job, ...]] = MappingProxyType(
    {
        "linear": ("executor",),
        "star": ("executor",),
        "feedback": ("executor", "critic"),
        "planner": ("planner", "executor"),
    }
)
"""Pattern → who takes part, each at least once."""
MOST: Mapping[Pattern, Mapping[Job, int]] = MappingProxyType(
    {
        "linear": {"executor": 5},
        "star": {"executor": 5},
        "feedback": {"executor": 3, "critic": 2},
        "planner": {"planner": 1},  # executors: as many as there are copies
    }
)
"""Pattern → how many agents of a job at most."""


@dataclass(frozen=True, slots=True)
class Group:
    """Like agents that can be bought.

    Args:
        job: what they do.
        tier: whose LLM they use; 0 is the strongest tier.
        cost: estimated micro-USD per agent.
        performance: p, relative to the strongest tier.
    """

    job: Job
    tier: int
    cost: Fraction
    performance: Fraction


@dataclass(frozen=True, slots=True)
class Team:
    """What was bought.

    Args:
        groups: what could be bought; counts: how many of each were.
        cost: estimated micro-USD in all.
        objective: of the integer program.
    """

    groups: tuple[Group, ...]
    counts: tuple[int, ...]
    cost: Fraction
    objective: Fraction

    def tiers(self, job: Job) -> tuple[int, ...]:
        """The tier of every agent with this job, strongest first."""
        pairs = zip(self.groups, self.counts, strict=True)
        return tuple(sorted(g.tier for g, n in pairs if g.job == job for _ in range(n)))


def exact(value: float) -> Fraction:
    """The decimal number that a float is written as."""
    return Fraction(repr(float(value)))


def buy(
    groups: Sequence[Group],
    pattern: Pattern,
    budget: Fraction,
    copies: int = 5,
    tier_cost: TierCost = "first",
    objective: Objective = "released",
) -> Team | None:
    r"""The best team for a pattern within a budget; None: there is no team.

    .. math:: \max \sum_g n_g\, p_g\, W_{tier(g)}\, f_g \quad s.t. \quad \sum_g n_g c_g \le B

    as released; as described in the paper p and f are 1, and a team has two agents or more.

    Of equally good teams the cheapest is taken, and of those the one with more agents of the
    group that comes first.

    Args:
        groups: what can be bought, in the order of the library.
        pattern: says who must take part, and how many may (`JOBS`, `MOST`); of `feedback`,
            critics up to any tier are no more than executors up to it.
        budget: B, micro-USD.
        copies: agents of a group at most.
        tier_cost: c of a tier in the weights: of the `first` group met, as released, or the
            `min`imum, without which a tier may be outweighed by many cheap agents below it.
        objective: `released`, or as described in the `paper`.
    """
    able = tuple(g for g in groups if g.job in JOBS[pattern])
    weight = tier_weights(tier_costs(able, tier_cost), budget)
    paper = objective == "paper"
    values = [
        weight[g.tier] * (Fraction(1) if paper else g.performance * factor(pattern, g))
        for g in able
    ]
    two = Row((-1,) * len(able), -2)
    counts = solve(
        Problem(
            _integers(values),
            *_with_budget([g.cost for g in able], budget),
            upper=(copies,) * len(able),
            rows=(
                *_numbers(able, pattern),
                *(_critics(able) if pattern == "feedback" else ()),
                *((two,) if paper else ()),
            ),
        )
    )
    if counts is None:
        return None
    pairs = list(zip(able, values, counts, strict=True))
    cost = sum((g.cost * n for g, _, n in pairs), Fraction(0))
    return Team(able, counts, cost, sum((v * n for _, v, n in pairs), Fraction(0)))


def factor(pattern: Pattern, group: Group) -> Fraction:
    """f, the weight of a job, as released.

    The release has .95 for one that only formats, too, and .90 for all others, which its own
    filter never admits.
    """
    if pattern == "planner":
        return Fraction("1.001") if group.job == "planner" else Fraction(1)
    if group.job == "executor":
        return Fraction("1.01") if group.tier == 0 else Fraction(1)
    return Fraction("1.005") if group.job == "critic" else Fraction("0.90")


def tier_costs(groups: Sequence[Group], which: TierCost = "first") -> dict[int, Fraction]:
    """c of every tier that there is."""
    costs: dict[int, Fraction] = {}
    for group in groups:
        known = costs.setdefault(group.tier, group.cost)
        if which == "min":
            costs[group.tier] = min(known, group.cost)
    return costs


def tier_weights(costs: Mapping[int, Fraction], budget: Fraction) -> dict[int, int]:
    r"""An agent of a tier outweighs all that the budget buys of the tiers below it.

    .. math:: W_i = 1 + \sum_{j > i} W_j \lfloor B / c_j \rfloor

    Args:
        costs: tier → c; 0 is the strongest.
        budget: B.
    """
    weights, below = {}, 0
    for tier in sorted(costs, reverse=True):
        weights[tier] = 1 + below
        below += weights[tier] * math.floor(budget / costs[tier])
    return weights


def _numbers(groups: Sequence[Group], pattern: Pattern) -> list[Row]:
    """Every job at least once, at most as often as the pattern admits."""
    rows = []
    for job in JOBS[pattern]:
        ones = tuple(int(g.job == job) for g in groups)
        rows.append(Row(tuple(-one for one in ones), -1))
        if job in MOST[pattern]:
            rows.append(Row(ones, MOST[pattern][job]))
    return rows


def _critics(groups: Sequence[Group]) -> list[Row]:
    """#Critic ≤ #Executor, among the strongest and over all; tiers between are treated alike."""
    sign = {"critic": 1, "executor": -1, "planner": 0}
    tiers = sorted({g.tier for g in groups})
    return [Row(tuple(sign[g.job] * (g.tier <= t) for g in groups), 0) for t in tiers]


def _integers(values: Sequence[Fraction]) -> tuple[int, ...]:
    """Values on the coarsest scale on which all are whole."""
    scale = math.lcm(*(v.denominator for v in values))
    whole = [int(v * scale) for v in values]
    common = math.gcd(*whole) or 1
    return tuple(v // common for v in whole)


def _with_budget(costs: Sequence[Fraction], budget: Fraction) -> tuple[tuple[int, ...], int]:
    *whole, most = _integers([*costs, budget])
    return tuple(whole), most
