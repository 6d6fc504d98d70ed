"""Ours against the others: the best that was to be had for the same money, and paired intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import upper_envelope
from abgnn.experiments.quickstart.measured import (
    BLIND,
    MIXTURE,
    OURS,
    PAPER,
    PLANNER,
    SINGLE,
    TEAMS,
    Measured,
    World,
    best_within,
)

METHODS = (OURS, PLANNER, BLIND, SINGLE, MIXTURE, PAPER, TEAMS)


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of ours less another's score, and the half width of its 95 % interval."""

    mean: float
    half: float

    @classmethod
    def of(cls, differences: Array) -> Paired:
        """Of the differences on every question of every world."""
        if len(differences) < 2:
            return cls(float(differences.mean()), float("nan"))
        half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
        return cls(float(differences.mean()), float(half))


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    Args:
        method: its name.
        accuracy: at each budget, mean over the worlds; None: nothing of it is that cheap.
        usd: what it spent per question at each budget.
        against: ours less its, paired by question, at each budget; None: ours itself, or nothing.
        mean: the same, with the mean over the budgets of each question first.
    """

    method: str
    accuracy: tuple[float | None, ...]
    usd: tuple[float | None, ...]
    against: tuple[Paired | None, ...]
    mean: Paired | None


def lines(worlds: Sequence[World], budgets: Sequence[float]) -> list[Line]:
    """A row per method.

    What is chosen in hindsight may spend the budget, or what ours spent if that was more. In a
    world where it has nothing that cheap it is left out of both sides of the difference.
    """
    return [_line(method, worlds, budgets) for method in METHODS]


def _line(method: str, worlds: Sequence[World], budgets: Sequence[float]) -> Line:
    accuracy, usd, against = list[float | None](), list[float | None](), list[Paired | None]()
    less: list[list[Array]] = [[] for _ in worlds]
    for k, budget in enumerate(budgets):
        pairs = list[tuple[Array, Array]]()
        for w, world in enumerate(worlds):
            mine = world.of(OURS)[k]
            theirs = rival(world, method, k, max(budget, mine.usd))
            if theirs is not None:
                pairs.append((mine.by_question, theirs))
                less[w].append(mine.by_question[:, 0] - theirs[:, 0])
        accuracy.append(_mean([theirs[:, 0] for _, theirs in pairs]))
        usd.append(_mean([theirs[:, 1] for _, theirs in pairs]))
        gaps = [mine[:, 0] - theirs[:, 0] for mine, theirs in pairs]
        against.append(Paired.of(np.concatenate(gaps)) if gaps and method != OURS else None)
    means = [np.mean(gaps, 0) for gaps in less if gaps]
    mean = Paired.of(np.concatenate(means)) if means and method != OURS else None
    return Line(method, tuple(accuracy), tuple(usd), tuple(against), mean)


def rival(world: World, method: str, place: int, most: float) -> Array | None:
    """Score, USD and seconds by question `[Q, 3]` of a method at the budget of this place.

    Methods that plan for budgets have a point for it; of others the best is taken whose mean cost
    is at most `most` USD.
    """
    if method in (OURS, PLANNER, BLIND):
        return world.of(method)[place].by_question
    if method == MIXTURE:
        return best_mixture(world.of(SINGLE), most)
    best = best_within(world.of(method), most)
    return None if best is None else best.by_question


def best_mixture(points: Sequence[Measured], most: float) -> Array | None:
    """Of the best mixture of two points at this mean cost, a coin deciding at every question."""
    if not points or min(point.usd for point in points) > most:
        return None
    means = np.array([(point.usd, point.trial) for point in points])  # [J, 2]
    corners = upper_envelope(means)
    corners = corners[: int(corners[:, 1].argmax()) + 1]
    at = [points[int(np.flatnonzero((means == corner).all(1))[0])] for corner in corners]
    k = int(np.searchsorted(corners[:, 0], most, side="right")) - 1
    if k == len(at) - 1:
        return at[k].by_question
    share = (most - at[k].usd) / (at[k + 1].usd - at[k].usd)
    mixed: Array = (1 - share) * at[k].by_question + share * at[k + 1].by_question
    return mixed


def _mean(values: Sequence[Array]) -> float | None:
    return float(np.concatenate(values).mean()) if values else None
