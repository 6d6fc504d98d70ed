"""Checks of a system's operating points."""

from __future__ import annotations

from abgnn import System
from abgnn.planning.offered import Expected, undominated
from abgnn.serve import Offer


def known(offer: Offer) -> Expected:
    assert offer.expected is not None
    return offer.expected


def check_frontier(system: System) -> tuple[Offer, ...]:
    """Points are undominated, in order, and the budgets that are named with them buy them."""
    points = system.frontier()
    usd = [known(offer).usd for offer in points]
    assert usd == sorted(usd)
    expected = [known(offer) for offer in points]
    assert undominated(expected) == tuple(expected)
    for offer in points[:: max(1, len(points) // 4)]:
        bought = system.offer(cost_usd=offer.budget.cost_usd, latency_s=offer.budget.latency_s)
        assert known(bought).accuracy > known(offer).accuracy - 0.01
    return points
