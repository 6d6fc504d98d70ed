"""Budgets that a row of plans is made for, a point of its frontier each."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.planning import Budget

_CHEAPEST = 1e-3  # share of the tightest budget: nothing but the cheapest LLM comes near it
_BELOW = 0.7  # likewise: of the point below it


def named_budgets(costs: Sequence[float], waits: Sequence[float]) -> list[tuple[str, Budget]]:
    """Each budget of USD, each of seconds, and none; aimed at as everywhere."""
    rows = [(f"{1e3 * cost:.3g} mUSD", Budget(cost)) for cost in costs]
    rows += [(f"{wait:g} s", Budget(None, wait)) for wait in waits]
    return [*rows, ("no budget", Budget())]


def budgets_of_rows(costs: Sequence[float], waits: Sequence[float]) -> list[tuple[str, Budget]]:
    """A row per budget of USD and of seconds, the cheapest that there is, and no budget.

    One more lies below the tightest budget of each: a row that spends a little too much there has
    a point near it on the other side, too.
    """
    cheapest = [("cheapest", Budget(_CHEAPEST * costs[0]))] if costs else []
    return [*cheapest, *named_budgets(_from_below(costs), _from_below(waits))]


def _from_below(budgets: Sequence[float]) -> list[float]:
    return [*(_BELOW * budget for budget in budgets[:1]), *budgets]
