"""Points of a frontier for a model card: what a plan expects, or what budgets would bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from abgnn.planning.budgets import Budget, budgeted_mix
from abgnn.planning.calibration import Calibration
from abgnn.planning.planner import strata_of
from abgnn.serve.policy_source import PolicySource

_POINTS = 4


def frontier_rows(source: PolicySource) -> Iterator[tuple[str, ...]]:
    """Budgets in USD and seconds, expected accuracy, USD and seconds, as texts."""
    for made in (source.plan, source.question_plan):
        if made is not None:
            yield _row(made.budget, made.expected)
    if source.calibration is not None:
        yield from _mixtures(source.calibration)


def _mixtures(known: Calibration) -> Iterator[tuple[str, ...]]:
    """The best mixture of teams for all questions, from the cheapest LLM's price upwards."""
    strata = strata_of(known, known.model(), known.everything)
    best = budgeted_mix(strata, Budget(None, None))
    low = float(np.min(known.profile.usd))
    for usd in np.geomspace(low, max(best.usd, low * 1.01), _POINTS).tolist():
        mixture = budgeted_mix(strata, Budget(usd, None))
        if mixture.feasible:
            expected = {
                "accuracy": mixture.accuracy,
                "cost_usd": mixture.usd,
                "latency_s": mixture.seconds,
            }
            yield _row({"cost_usd": usd, "latency_s": None}, expected)


def _row(
    budget: Mapping[str, float | None], expected: Mapping[str, float | None]
) -> tuple[str, ...]:
    figures = [expected.get(name) for name in ("accuracy", "cost_usd", "latency_s")]
    values = (budget.get("cost_usd"), budget.get("latency_s"), *figures)
    return tuple("any" if value is None else f"{value:.4g}" for value in values)
