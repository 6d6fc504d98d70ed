"""Routing judged at matched realised cost: the gain over mixtures of single LLMs. Numpy only.

A routing is a matrix of probabilities `[Q, M]` (one-hot for a policy's choice): which LLM answers
which question. Scores and costs are matrices `[Q, M]` of what every LLM made of every question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import upper_envelope


@dataclass(frozen=True, slots=True)
class Routed:
    """What a routing gave under a budget.

    Args:
        budget: USD per question that were allowed.
        cost: mean USD per question that were spent.
        score: mean score.
        mixture: what random mixtures of single LLMs score at that cost.
    """

    budget: float
    cost: float
    score: float
    mixture: float

    @property
    def gain(self) -> float:
        """Score beyond the mixture at the same realised cost."""
        return self.score - self.mixture

    @property
    def spent(self) -> float:
        """Realised cost over budget."""
        return self.cost / self.budget


def inner_budgets(cost: Array, n: int = 4) -> Array:
    """`n` budgets equally spaced strictly between the cheapest and the dearest LLM's mean cost."""
    means = _matrix(cost, "cost").mean(0)
    budgets: Array = np.linspace(means.min(), means.max(), n + 2)[1:-1]
    return budgets


def mixture_score(score: Array, cost: Array, budget: float) -> float:
    """The best score of choosing LLMs at random with fixed probabilities at a mean cost.

    The upper concave envelope of the single LLMs; level beyond its best vertex, for money need
    not be spent, and below the cheapest LLM.
    """
    points = upper_envelope(np.stack([cost.mean(0), score.mean(0)], 1))
    best = points[: int(points[:, 1].argmax()) + 1]
    return float(np.interp(budget, best[:, 0], best[:, 1]))


def judge(routing: Array, score: Array, cost: Array, budget: float) -> Routed:
    """A routing's score and cost, beside the mixture's at the same realised cost."""
    spent = float((routing * cost).sum(1).mean())
    made = float((routing * score).sum(1).mean())
    return Routed(budget, spent, made, mixture_score(score, cost, spent))


def choose(score: Array, cost: Array, price: float) -> Array:
    """One-hot `[Q, M]`: the LLM with the highest score − price · cost; ties to the first."""
    one_hot: Array = np.eye(score.shape[1])[(score - price * cost).argmax(1)]
    return one_hot


def price_of_cost(score: Array, cost: Array, budget: float) -> float:
    """The least λ (score per USD) at which the choice's mean *predicted* cost is in the budget.

    Where even the cheapest choice exceeds it, the λ that chooses by cost alone. By bisection:
    the mean cost falls as λ grows.

    Args:
        score, cost: predictions `[Q, M]`; no outcome of the questions is looked at.
        budget: USD per question.
    """
    return _bracket(score, cost, budget)[1]


def mix_to_budget(
    score: Array, cost: Array, score_at: Array, cost_at: Array, budget: float
) -> Array:
    """Routing of other questions by two neighbouring prices, mixed to spend the budget exactly.

    What a table of few distinct rows (a task table) needs: no λ alone spends its budget.

    Args:
        score, cost: predictions that price and mixture are set on, `[Q, M]`.
        score_at, cost_at: predictions for the questions to route, `[R, M]`.
        budget: USD per question.
    """
    low, high = _bracket(score, cost, budget)
    dear, cheap = (float((choose(score, cost, x) * cost).sum(1).mean()) for x in (low, high))
    share = float(np.clip((budget - cheap) / (dear - cheap), 0, 1)) if dear > cheap else 0.0
    return share * choose(score_at, cost_at, low) + (1 - share) * choose(score_at, cost_at, high)


def shrunk_means(values: Array, task: Sequence[str], of: Sequence[str], weight: float) -> Array:
    """Task means of `values [Q, M]`, looked up for the tasks `of`, `[len(of), M]`.

    The overall mean weighs as much as `weight` observations of the task.
    """
    overall, tasks = values.mean(0), np.asarray(task)
    table = {}
    for name in dict.fromkeys(of):
        rows = values[tasks == name]
        table[name] = (rows.sum(0) + weight * overall) / (len(rows) + weight)
    return np.stack([table[name] for name in of])


def interval(values: Array, level: float = 0.95) -> tuple[float, float]:
    """The central interval of bootstrap values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_gain(
    routings: Sequence[Array], score: Array, cost: Array, draws: int = 1000, seed: int = 0
) -> Array:
    """Mean gain of several routings (one per budget) over resampled questions, `[draws]`.

    Questions are drawn with replacement; singles, mixtures and routing see the same draw. Equal
    seeds give equal draws, so differences of two results are paired.
    """
    rng, n = np.random.default_rng(seed), len(score)
    made = np.stack([(r * score).sum(1) for r in routings])  # [J, Q]
    spent = np.stack([(r * cost).sum(1) for r in routings])
    gains = np.empty(draws)
    for d in range(draws):
        weight = np.bincount(rng.integers(0, n, n), minlength=n) / n  # [Q]
        points = upper_envelope(np.stack([weight @ cost, weight @ score], 1))
        best = points[: int(points[:, 1].argmax()) + 1]
        mixture = np.interp(spent @ weight, best[:, 0], best[:, 1])
        gains[d] = float((made @ weight - mixture).mean())
    return gains


def folds(n: int, k: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """The fold 0 … k − 1 of each of n questions, of nearly equal sizes, in a seeded order."""
    if not 2 <= k <= n:
        raise ConfigError("folds", k, f"from 2 to {n}")
    return np.random.default_rng(seed).permutation(n) % k


def few_per_group(groups: Sequence[str], n: int, seed: int) -> NDArray[np.int64]:
    """Indices of `n` questions of each group, at most half of it, in a seeded order."""
    rng, names = np.random.default_rng(seed), np.asarray(groups)
    drawn = []
    for name in sorted(set(groups)):
        rows = np.flatnonzero(names == name)
        drawn.append(rng.permutation(rows)[: min(n, len(rows) // 2)])
    return np.concatenate(drawn)


def _bracket(score: Array, cost: Array, budget: float) -> tuple[float, float]:
    """λ's below and above the point where the mean cost comes within the budget."""
    _matrix(cost, "cost")
    if score.shape != cost.shape:
        raise ConfigError("score", score.shape, f"as cost, {cost.shape}")

    def within(price: float) -> bool:
        return float((choose(score, cost, price) * cost).sum(1).mean()) <= budget * (1 + 1e-9)

    if within(0.0):
        return 0.0, 0.0
    low, high = 0.0, 1.0 / float(cost.mean())
    while not within(high):
        low, high = high, 4 * high
        if high > 1e9 / float(cost.mean()):
            return high, high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if within(middle) else (middle, high)
    return low, high


def _matrix(values: Array, field: str) -> Array:
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ConfigError(field, values.shape, "finite numbers per question and LLM, [Q, M]")
    return values
