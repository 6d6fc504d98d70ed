"""What came of evaluating a policy, in one row: means over the queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from abgnn.data.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """Means over the evaluated queries.

    Args:
        name: of the policy or LLM.
        performance: mean score in [0, 1].
        performance_se: its standard error over queries.
        cost_usd: mean USD per query.
        latency_s: mean seconds per query (critical path).
        tokens: mean completion tokens per query.
        calls: mean LLM calls per query.
        failed: share of rollouts that ended in an error.
        n: rollouts.
    """

    name: str
    performance: float
    performance_se: float
    cost_usd: float
    latency_s: float
    tokens: float
    calls: float
    failed: float
    n: int

    @property
    def total_usd(self) -> float:
        """USD over the evaluation set, as the paper counts token cost (Appendix G)."""
        return self.cost_usd * self.n

    def reward(self, lambda_tok: float, lambda_lat: float) -> float:
        """Mean of Eq 9."""
        return self.performance - lambda_tok * self.cost_usd - lambda_lat * self.latency_s


def summarise(name: str, outcomes: Sequence[Outcome]) -> Row:
    """One row; the standard error treats a query's rollouts as one observation."""
    by_query: dict[str, list[float]] = {}
    for o in outcomes:
        by_query.setdefault(o.plan.query.id, []).append(o.score)
    means = [sum(v) / len(v) for v in by_query.values()]
    n, q = len(outcomes), len(means)
    centre = sum(means) / q
    spread = math.sqrt(sum((m - centre) ** 2 for m in means) / max(q - 1, 1) / q)
    return Row(
        name=name,
        performance=sum(o.score for o in outcomes) / n,
        performance_se=spread,
        cost_usd=sum(o.cost for o in outcomes) / n,
        latency_s=sum(o.latency for o in outcomes) / n,
        tokens=sum(o.usage.completion_tokens for o in outcomes) / n,
        calls=sum(len(o.calls) for o in outcomes) / n,
        failed=sum(o.error is not None for o in outcomes) / n,
        n=n,
    )
