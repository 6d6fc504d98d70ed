"""`Offer`: what a budget buys, and who would answer; nothing is called for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from abgnn.data.plan import Edges, Plan
from abgnn.data.query import Query
from abgnn.planning.offered import Expected
from abgnn.planning.simulation import Forecast
from abgnn.serve.query_budget import BudgetKind, QueryBudget

_AIM = 0.96  # share of a budget that every planner uses: they aim at 0.97 or 0.99 of it


@dataclass(frozen=True, slots=True)
class Team:
    """Who answers a question.

    Args:
        agents: role and LLM of each.
        edges: messages (u, v), as indices of agents.
        decision: index of the agent whose output is the answer.
        rounds: how often the graph is executed.
        adaptive: who is asked next is decided answer by answer, and edges do not show it.
    """

    agents: tuple[tuple[str, str], ...]
    edges: Edges
    decision: int
    rounds: int = 1
    adaptive: bool = False

    @classmethod
    def of(cls, plan: Plan) -> Team:
        """Of a plan."""
        agents = tuple((agent.role.name, agent.backbone) for agent in plan.agents)
        return cls(agents, plan.edges, plan.decision, plan.rounds, plan.program is not None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; as in the account of an answer."""
        return {
            "agents": [{"role": role, "backbone": backbone} for role, backbone in self.agents],
            "edges": [list(edge) for edge in self.edges],
            "decision": self.decision,
            "rounds": self.rounds,
            **({"adaptive": True} if self.adaptive else {}),
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """What a budget buys.

    Args:
        budget: of one question; none: the system's own way.
        kind: what such a budget means here, see `System`.
        expected: means per question; None: what was loaded does not know, as a policy that was
            not taught by a planner, or one whose plans a budget only bounds.
        team: for the question, if one was named.
        forecast: of this question by this team, where plans read questions; None: elsewhere.
    """

    budget: QueryBudget
    kind: BudgetKind
    expected: Expected | None
    team: Team | None = None
    forecast: Forecast | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "budget": {"cost_usd": self.budget.cost_usd, "latency_s": self.budget.latency_s},
            "budget_kind": self.kind,
            "expected": None if self.expected is None else self.expected.to_dict(),
            "plan": None if self.team is None else self.team.to_dict(),
            "forecast": None if self.forecast is None else _means(self.forecast),
        }


@runtime_checkable
class Foreseeing(Protocol):
    """A chooser that knows what its plans are expected to come to."""

    def expected(self) -> Expected | None: ...


@runtime_checkable
class Forecasting(Protocol):
    """A chooser that knows what each question's own plan is expected to come to."""

    def forecasts(self, queries: Sequence[Query]) -> Sequence[Forecast]: ...


def foreseen(chooser: object) -> Expected | None:
    """What a chooser expects; None: it does not know."""
    return chooser.expected() if isinstance(chooser, Foreseeing) else None


def offer_at(point: Expected, kind: BudgetKind) -> Offer:
    """An operating point as an offer. Where budgets are means, they are those that buy it."""
    if kind == "bound":
        return Offer(QueryBudget(), kind, point)
    budget = QueryBudget(_rounded(point.usd / _AIM), _rounded(point.seconds / _AIM))
    return Offer(budget, kind, point)


def _means(forecast: Forecast) -> dict[str, float]:
    return {
        "accuracy": forecast.accuracy,
        "cost_usd": forecast.usd,
        "latency_s": forecast.seconds,
    }


def _rounded(value: float) -> float | None:
    """Up, to two digits; None of nothing."""
    if not value > 0:
        return None
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step * (1 - 1e-9)) * step:.6g}")
