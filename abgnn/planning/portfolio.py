"""`portfolio`: the designs among which every question gets its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.search import Candidate, Searcher

TEAMS, _NEAR = 80, 8
_STEPS = (0.0, 0.01, 0.03, 0.08, 0.2)  # accuracy that the dearest LLM's call must earn


def lone_designs(space: PlanSpace) -> list[Design]:
    """Every role played by every backbone, alone."""
    backbones = sorted({m for pool in space.pools for m in pool})
    return [Design(((slot, m),), (), None) for slot in space.slots for m in backbones]


def portfolio(
    model: OutcomeModel, space: PlanSpace, seed: int = 0, teams: int = TEAMS
) -> tuple[Design, ...]:
    """Every lone (role, LLM), what a search finds at many prices, and its nearest rivals.

    Args:
        model: for all questions alike, which judges designs in the mean.
        space: designs that are allowed; lone agents are among them if one agent may answer.
        seed: of the search.
        teams: designs of two agents and more, at most.
    """
    searcher = Searcher(model, space, seed)
    lone = lone_designs(space) if space.min_agents == 1 else []
    rivals: dict[Design, None] = {}
    for prices in _prices(model):
        rivals[searcher.best(*prices).design] = None
    rounds = [_ranked(searcher, prices) for prices in _prices(model)]
    for place in range(max(map(len, rounds))):
        for ranked in rounds:
            if place < len(ranked) and len(rivals) < teams:
                rivals[ranked[place].design] = None
    return tuple(dict.fromkeys([*lone, *rivals]))


def _prices(model: OutcomeModel) -> list[tuple[float, float]]:
    """Prices of dollars alone, of seconds alone, and of both, from free to dear."""
    usd, seconds = model.profile.usd, model.profile.seconds
    out = [(0.0, 0.0)]
    for step in _STEPS[1:]:
        for low in (False, True):
            tok = step / float(np.quantile(usd, 0.25 if low else 0.9))
            lat = step / float(np.quantile(seconds, 0.25 if low else 0.9))
            out += [(tok, 0.0), (0.0, lat), (tok / 2, lat / 2)]
    return out


def _ranked(searcher: Searcher, prices: tuple[float, float]) -> Sequence[Candidate]:
    """The best teams among all that the search has judged."""
    teams = [c for c in searcher.climbed() if len(c.design.agents) > 1]
    return sorted(teams, key=lambda c: -c.forecast.utility(*prices))[:_NEAR]
